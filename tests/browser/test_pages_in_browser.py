"""The documentation as it is read: from files, at every width, light and dark, mathematics and links included."""

import subprocess
import sys
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_hangs_over_the_edge_or_complains(browser, seen_at, pages, width, scheme):
    seen_at(width, scheme)
    browser.get_log("browser")
    wide = []
    for page in pages:
        loaded(browser, page)
        over = browser.execute_script("return document.documentElement.scrollWidth") - width
        if over > 0:
            wide.append((page.name, over))
    assert wide == []
    assert [m["message"] for m in browser.get_log("browser") if m["level"] == "SEVERE"] == []


@pytest.mark.parametrize("name", MATHEMATICS)
def test_mathematics_is_rendered(browser, seen_at, pages, name):
    seen_at(1366)
    loaded(browser, next(p for p in pages if p.name == name))
    count, errors, raw = browser.execute_script(
        """return [document.querySelectorAll("mjx-container").length,
        document.querySelectorAll("mjx-merror, [data-mjx-error]").length,
        [...document.querySelectorAll("article .math")].filter(e => !e.querySelector("mjx-container")).length]"""
    )
    assert count >= MATHEMATICS[name]
    assert (errors, raw) == (0, 0)


def test_no_formula_stays_as_it_is_written(browser, seen_at, pages):
    seen_at(1366)
    raw = {}
    for page in pages:
        loaded(browser, page)
        left = browser.execute_script(
            """const all = [...document.querySelectorAll("article .math")];
            return all.filter(e => !e.querySelector("mjx-container")).length
              + document.querySelectorAll("mjx-merror, [data-mjx-error]").length"""
        )
        if left:
            raw[page.name] = left
    assert raw == {}


def test_pictures_are_loaded_and_links_alive(browser, seen_at, pages):
    seen_at(1366)
    ids, links, broken = {}, [], []
    for page in pages:
        browser.get(page.as_uri())
        browser.set_script_timeout(20.0)
        # one that is slow to come is waited for, and one that never comes is broken
        names, hrefs, images = browser.execute_async_script(
            """const done = arguments[0], images = [...document.images];
            images.forEach(i => { i.loading = "eager"; });
            Promise.all(images.map(i => i.decode().then(() => null, () => i.src))).then(broken => done([
              [...document.querySelectorAll("[id]")].map(e => e.id),
              [...document.querySelectorAll("a[href]")].map(a => a.href),
              broken.filter(Boolean)]));"""
        )
        ids[page] = set(names)
        links += [(page, href) for href in hrefs]
        broken += [(page.name, image) for image in images]
    assert broken == []
    for page, href in links:
        parts = urlparse(href)
        if parts.scheme != "file":
            continue
        target = Path(unquote(parts.path))
        if not target.exists() or (parts.fragment and target in ids and unquote(parts.fragment) not in ids[target]):
            broken.append((page.name, href))
    assert sorted(set(broken)) == []


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
