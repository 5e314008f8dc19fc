"""The report in a real browser, headless: drawn, sortable, readable on a phone and in the dark, asking for nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    command = [sys.executable, "-m", "spikes", "validate", "--claims", str(ROOT / "tests/validation/example_claims.py")]
    made = subprocess.run(
        [*command, "--workers", "1", "--quiet", "--report", str(path)], capture_output=True, text=True
    )
    assert made.returncode == 1, made.stderr  # one verdict is not as expected
    return path


@pytest.fixture
def shown(browser, seen_at, report):
    """Open the report at a width, light or dark."""

    def show(width=1280, scheme="light"):
        seen_at(width, scheme)
        browser.get(report.as_uri())
        # a click waits for no smooth scrolling
        browser.execute_script(
            """document.documentElement.style.scrollBehavior = 'auto';
            document.getElementById('summary').scrollIntoView()"""
        )
        return browser.execute_script

    return show


def test_it_asks_for_nothing_and_complains_of_nothing(shown, browser, report):
    browser.get_log("performance")
    browser.get_log("browser")
    script = shown()
    script("window.scrollTo(0, document.body.scrollHeight)")
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert report.as_uri() in asked
    assert [url for url in asked if not url.startswith(("data:", report.as_uri()))] == []
    assert (
        script("return performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length") == 0
    )
    assert script("return document.title").startswith("Theory put to the test")  # the claim's <script> did not run


@pytest.mark.parametrize("width", [1280, 375])
def test_every_claim_has_a_drawn_figure(shown, width):
    script = shown(width)
    boxes = script(
        """return [...document.querySelectorAll("section[id^='claim-']")].map(section => [section.id,
        [...section.querySelectorAll("figure svg")].map(svg => {
          const marks = [...svg.querySelectorAll("path, use")].map(m => m.getBBox());
          const box = svg.getBoundingClientRect();
          return [box.width, box.height, marks.filter(m => m.width + m.height > 0).length];
        })])"""
    )
    assert len(boxes) == 8
    for claim, svgs in boxes:
        assert svgs, claim
        for w, h, marks in svgs:
            assert w > 0.85 * min(width, 544), claim
            assert h > 80.0, claim
            assert marks >= 8, claim


def test_the_summary_sorts_both_ways_within_each_subject(shown, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    script = shown()
    read = """return [...document.querySelectorAll('table.sortable tbody')].map(body =>
        [...body.rows].slice(1).map(row => row.cells[arguments[0]].dataset.key))"""
    buttons = browser.find_elements(By.CSS_SELECTOR, "table.sortable thead button")
    sort = "return [...document.querySelectorAll('table.sortable thead th')].map(h => h.getAttribute('aria-sort'))"

    def expected(groups, key, reverse):
        sorted_groups = [sorted((k for k in group if k), key=key, reverse=reverse) for group in groups]
        return [g + [""] * (len(of) - len(g)) for g, of in zip(sorted_groups, groups, strict=True)]

    for column, key in ((0, str), (2, float), (4, float)):
        before = script(read, column)
        buttons[column].click()
        assert script(read, column) == expected(before, key, False)
        assert script(sort)[column] == "ascending"
        buttons[column].send_keys(Keys.ENTER)  # by the keyboard
        assert script(read, column) == expected(before, key, True)
        assert script(sort) == ["descending" if i == column else None for i in range(7)]
        assert before != script(read, column)
    buttons[1].click()  # from the best verdict to the worst
    assert script(read, 1) == expected(script(read, 1), int, False)


def test_the_summary_filters_by_words_and_verdict(shown, browser):
    from selenium.webdriver.common.by import By

    script = shown()
    left = "return [...document.querySelectorAll('tr[data-verdict]')].filter(r => r.checkVisibility()).length"
    assert script(left) == 8
    browser.find_element(By.CSS_SELECTOR, "form.filter input[type=search]").send_keys("moments wrong")
    assert script(left) == 1
    assert script("return document.querySelector('form.filter output').textContent") == "1 shown"
    browser.find_element(By.CSS_SELECTOR, "form.filter input[value=fails]").click()
    assert script(left) == 0
    assert script("return [...document.querySelectorAll('table.sortable tbody')].every(b => b.hidden)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_a_claim_is_a_card_with_every_number(shown, scheme):
    script = shown(375, scheme)
    wide = script(
        """return [...document.querySelectorAll('tr[data-verdict] td')].map(cell => cell.getBoundingClientRect())
        .filter(box => box.right > 375 || box.left < 0).length"""
    )
    assert wide == 0
    words = "return getComputedStyle(document.querySelector('td[data-name=tolerance]'), '::before').content"
    assert script(words) == "attr(data-name)" or "tolerance" in script(words)


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_nothing_hangs_over_the_edge(shown, width):
    script = shown(width)
    script("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert script("return document.documentElement.scrollWidth") <= width


def test_dark_is_dark(shown):
    colours = "return [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    text = "return getComputedStyle(document.querySelector('figure svg text')).fill"
    light, light_text = shown(scheme="light")(colours), shown(scheme="light")(text)
    dark, dark_text = shown(scheme="dark")(colours), shown(scheme="dark")(text)
    assert brightness(light[0]) > 0.9 > 0.2 > brightness(dark[0])
    assert brightness(light[1]) < 0.2 < 0.8 < brightness(dark[1])
    assert (light_text, dark_text) == (light[1], dark[1])


def brightness(colour):
    """Of rgb(r, g, b), from 0 to 1."""
    return sum(int(part) for part in colour[4:-1].split(",")) / 765.0
