"""The documentation as it is read: from files, at every width, light and dark, mathematics and links included."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
WIDTHS = (375, 768, 1024, 1366, 1600)
MATHEMATICS = {"derivation.html": 40, "theory.html": 8, "learning_rate.html": 15}
"""Pages with the least number of rendered formulas that they have."""


@pytest.fixture(scope="module")
def pages():
    """The pages as `make docs` leaves them, built where they are not there."""
    folder = ROOT / "build" / "docs"
    if not (folder / "index.html").exists():
        subprocess.run([sys.executable, "-m", "sphinx", "-q", str(ROOT / "docs"), str(folder)], check=True)
    found = sorted(p for p in folder.rglob("*.html") if "_modules" not in p.parts and "_static" not in p.parts)
    assert len(found) > 30
    return found


def loaded(browser, page, patience=20.0):
    """Open a page and wait for its mathematics."""
    browser.set_script_timeout(patience)
    browser.get(page.as_uri())
    browser.execute_async_script(
        """const done = arguments[0];
        if (!window.MathJax) return done();
        const wait = () => window.MathJax.startup && window.MathJax.startup.promise
          ? window.MathJax.startup.promise.then(() => done()) : setTimeout(wait, 20);
        wait();"""
    )


@dataclass
class Seen:
    """What a page shows: how far it hangs over the edge at each width, and what is in it."""

    complaints: list
    over: dict
    formulas: int
    errors: int
    raw: int
    ids: set
    links: list
    broken: list


@pytest.fixture(scope="module")
def seen(browser, seen_at, pages):
    """Every page, opened once on a phone and then widened: loading is what takes long."""
    return {page: look(browser, seen_at, page) for page in pages}


def look(browser, seen_at, page):
    """Open a page and note what is to be seen."""
    seen_at(WIDTHS[0])
    browser.get_log("browser")
    loaded(browser, page)
    # a picture that is slow to come is waited for, and one that never comes is broken
    formulas, errors, raw, ids, links, broken = browser.execute_async_script(
        """const done = arguments[0], images = [...document.images];
        images.forEach(i => { i.loading = "eager"; });
        Promise.all(images.map(i => i.decode().then(() => null, () => i.src))).then(broken => done([
          document.querySelectorAll("mjx-container").length,
          document.querySelectorAll("mjx-merror, [data-mjx-error]").length,
          [...document.querySelectorAll("article .math")].filter(e => !e.querySelector("mjx-container")).length,
          [...document.querySelectorAll("[id]")].map(e => e.id),
          [...document.querySelectorAll("a[href]")].map(a => a.href),
          broken.filter(Boolean)]));"""
    )
    over = {}
    for scheme, widths in (("light", WIDTHS), ("dark", WIDTHS[::-1])):
        for width in widths:
            seen_at(width, scheme)
            inner, whole, dark = browser.execute_script(
                """return [innerWidth, document.documentElement.scrollWidth,
                matchMedia("(prefers-color-scheme: dark)").matches]"""
            )
            assert dark == (scheme == "dark")
            assert inner >= width  # more on a phone that shows a wider page
            over[width, scheme] = max(inner, whole) - width
    complaints = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return Seen(complaints, over, formulas, errors, raw, set(ids), links, broken)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_hangs_over_the_edge(seen, width, scheme):
    assert {page.name: it.over[width, scheme] for page, it in seen.items() if it.over[width, scheme] > 0} == {}


def test_no_page_complains(seen):
    assert {page.name: it.complaints for page, it in seen.items() if it.complaints} == {}


@pytest.mark.parametrize("name", MATHEMATICS)
def test_mathematics_is_rendered(seen, name):
    it = next(it for page, it in seen.items() if page.name == name)
    assert it.formulas >= MATHEMATICS[name]
    assert (it.errors, it.raw) == (0, 0)


def test_no_formula_stays_as_it_is_written(seen):
    assert {page.name: (it.raw, it.errors) for page, it in seen.items() if it.raw or it.errors} == {}


def test_pictures_are_loaded_and_links_alive(seen):
    assert {page.name: it.broken for page, it in seen.items() if it.broken} == {}
    dead = set()
    for page, it in seen.items():
        for href in it.links:
            parts = urlparse(href)
            if parts.scheme != "file":
                continue
            target = Path(unquote(parts.path))
            if not target.exists() or (
                parts.fragment and target in seen and unquote(parts.fragment) not in seen[target].ids
            ):
                dead.add((page.name, href))
    assert sorted(dead) == []


@pytest.mark.parametrize(
    ("words", "page"),
    [("is my eigenvalue noise", "own_matrix"), ("Marchenko", "laws"), ("learning rate", "learning_rate")],
)
def test_search_finds(browser, seen_at, pages, words, page):
    from selenium.webdriver.support.ui import WebDriverWait

    seen_at(1366)
    search = next(p for p in pages if p.name == "search.html")
    browser.get(f"{search.as_uri()}?q={words.replace(' ', '+')}")
    found = "return [...document.querySelectorAll('#search-results li a')].map(a => a.href)"
    WebDriverWait(browser, 20).until(lambda b: b.execute_script(found))
    assert any(page in href for href in browser.execute_script(found))
