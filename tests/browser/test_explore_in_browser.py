"""``spikes explore`` in a headless browser: dragged, simulated, stopped, mistyped, side by side, on a phone, dark."""

import json
import re
import subprocess
import sys
import time
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.browser
SMALL = "n=400&d=200&width=300&activation=tanh"
PATIENCE = 120.0

# Components stand in shadow trees of their own: text and elements are looked for in all of them.
TEXT = """function all(node) {
  if (node.nodeType === 3) return node.textContent + ' ';
  if (['STYLE', 'SCRIPT', 'svg'].includes(node.tagName)) return '';
  return [...(node.shadowRoot ? [node.shadowRoot] : []), ...node.childNodes].map(all).join('');
}
return all(document.querySelector(arguments[0]) || document.createTextNode(''))"""
FIND = """function find(root, selector) {
  const here = root.querySelector(selector);
  if (here) return here;
  for (const node of root.querySelectorAll('*')) {
    const inside = node.shadowRoot && find(node.shadowRoot, selector);
    if (inside) return inside;
  }
  return null;
}
let found = find(document, arguments[0]);
if (found && arguments[1]) found = find(found.shadowRoot || found, arguments[1]);
return found"""


@pytest.fixture(scope="module")
def address():
    command = [sys.executable, "-m", "spikes", "explore", "--workers", "1"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    assert line.startswith("http://localhost:"), line
    yield line.split()[0]
    server.terminate()
    server.wait(30)
    server.stdout.close()


@pytest.fixture
def opened(browser, seen_at, address):
    """Open the page in a state, at a width, light or dark."""

    def open_at(query="", width=1400, scheme="light"):
        seen_at(width, scheme)
        return Page(browser, address, query)

    return open_at


class Page:
    """One open page."""

    def __init__(self, browser, address, query):
        self.browser = browser
        browser.get_log("browser")
        browser.get(f"{address}?{query}")
        self.window = browser.current_window_handle

    def text(self, selector="#said"):
        return " ".join(self.browser.execute_script(TEXT, selector).split())

    def find(self, selector, inside=""):
        return self.browser.execute_script(FIND, selector, inside)

    def picture(self, name):
        return self.browser.execute_script(
            f"const found = (() => {{ {FIND} }})(); return found ? found.outerHTML : ''", f".picture-{name}", "figure"
        )

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{what}: {self.text()}"
            time.sleep(0.1)

    def wait_for(self, words):
        self.wait(lambda: words in self.text(), f"waiting for {words!r}")

    def settled(self):
        """All four pictures are there, and of the problem that is stated."""
        stale = """function count(root) { let found = root.querySelectorAll('.stale').length;
          for (const node of root.querySelectorAll('*')) if (node.shadowRoot) found += count(node.shadowRoot);
          return found; } return count(document)"""
        self.wait(lambda: self.find(".picture-steps", "svg"), "waiting for the first pictures")
        self.wait(lambda: self.browser.execute_script(stale) == 0, "waiting for all pictures")

    def type(self, name, text):
        from selenium.webdriver.common.keys import Keys

        self.enter(name, text + Keys.ENTER)
        assert self.typed(name) == text

    def enter(self, name, keys):
        """Strike keys in an emptied field."""
        from selenium.webdriver.common.keys import Keys

        box = self.find(f".field-{name}", "input")
        box.send_keys(Keys.END, Keys.BACKSPACE * len(box.get_property("value")), keys)

    def typed(self, name):
        return self.find(f".field-{name}", "input").get_property("value")

    def stops(self):
        """Whether there is something to stop; the button is drawn again when this changes."""
        return self.browser.execute_script(
            f"const found = (() => {{ {FIND} }})(); return !found.disabled", ".stop", "button"
        )

    def taken(self, kind, name):
        """What a button of the page downloads."""
        path = self.browser.downloads / name
        path.unlink(missing_ok=True)
        self.find(f".{kind}", "a").click()
        self.wait(path.exists, f"waiting for {name}")
        return path.read_bytes()

    def errors(self):
        return [entry for entry in self.browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def simulated(page, asked=200):
    """The number of seeds, of those asked for, that the text tells of."""
    told = re.search(rf"(\d+) of {asked} seeds simulated", page.text())
    return int(told[1]) if told else 0


def test_dragging_alpha_changes_the_number_of_spikes_in_the_text(browser, opened):
    from selenium.webdriver import ActionChains

    page = opened("alpha=0.2")
    page.wait_for("1 spike leaves the bulk")
    page.settled()
    before = page.picture("spectrum")
    handle, track = page.find(".slider-alpha", ".noUi-handle"), page.find(".slider-alpha", ".noUi-base")
    moves = ActionChains(browser, duration=20).click_and_hold(handle)
    for _ in range(10):
        moves = moves.move_by_offset(track.rect["width"] * 0.05, 0)
    moves.release().perform()
    page.wait_for("2 spikes leave the bulk")
    page.settled()
    alpha = float(page.find(".field-alpha", "input").get_property("value"))
    assert 0.42 <= alpha <= 0.48
    assert page.picture("spectrum") != before
    assert f"alpha={alpha:g}" in browser.current_url
    assert f"--alpha {alpha:g}" in page.find(".command", "textarea").get_property("value")
    # a link reproduces it
    again = opened(browser.current_url.partition("?")[2])
    again.wait_for("2 spikes leave the bulk")
    assert float(again.find(".field-alpha", "input").get_property("value")) == alpha
    assert again.errors() == []


def test_seeds_join_and_stop(opened):
    from selenium.webdriver.common.keys import Keys

    page = opened(f"{SMALL}&seeds=200")
    page.wait_for("leave")
    page.settled()
    assert not page.stops()
    page.find(".simulate", "button").click()
    page.wait(lambda: simulated(page) >= 2, "waiting for two seeds")
    page.wait(lambda: re.search(r"simulated\. \w", page.text()), "waiting for the runs beside the law")
    page.find(".stop", "button").click()
    page.wait(lambda: not page.stops(), "waiting for the stop")
    stopped = simulated(page)
    assert 2 <= stopped < 200
    # answered by the processes that would go on with it
    assert json.loads(page.taken("download-json", "spikes.json"))["simulation"]["seeds"] == stopped
    assert simulated(page) == stopped
    # and again, under a number of seeds that tells the simulations apart
    page.type("seeds", "150")
    page.find(".simulate", "button").click()
    page.wait(lambda: simulated(page, 150) >= 1, "waiting for another simulation")
    # what is half typed stays while seeds join and pictures are drawn, and as a whole it ends them
    page.enter("target", "z + 0.3*He")
    joined, drawn = simulated(page, 150), page.picture("spectrum")
    page.wait(lambda: simulated(page, 150) > joined and page.picture("spectrum") != drawn, "waiting for more seeds")
    page.find(".field-target", "input").send_keys("2(z)" + Keys.ENTER)
    assert page.typed("target") == "z + 0.3*He2(z)"
    page.wait(lambda: "simulated" not in page.text(), "waiting for the end")
    assert page.errors() == []


def test_a_bad_target_is_said_and_the_last_good_picture_stays(opened):
    page = opened(SMALL)
    page.wait_for("leave")
    page.settled()
    before = page.picture("spectrum")
    page.type("target", "__import__('os').system('true')")
    page.wait_for("`target`")
    complaint = page.text()
    assert page.picture("spectrum") == before
    page.type("target", "z +")
    page.wait(lambda: page.text() != complaint, "waiting for the other complaint")
    assert "`target`" in page.text()
    assert page.picture("spectrum") == before
    page.type("target", "z + 0.4*He2(z)")
    page.wait(lambda: "`target`" not in page.text(), "waiting for the complaint to go")
    assert page.errors() == []


def test_two_sessions_do_not_disturb_each_other(browser, opened):
    first = opened(f"{SMALL}&alpha=0.2")
    first.wait_for("leave")
    first.settled()
    said, drawn = first.text(), first.picture("spectrum")
    browser.switch_to.new_window("tab")
    second = opened(f"{SMALL}&alpha=0.5")
    second.wait_for("leave")
    second.type("target", "no target")
    second.wait_for("`target`")
    browser.switch_to.window(first.window)
    assert first.text() == said
    assert first.picture("spectrum") == drawn
    browser.switch_to.window(second.window)
    browser.close()
    browser.switch_to.window(first.window)
    first.type("alpha", "0.3")
    first.wait(lambda: first.text() != said, "waiting for the first page to go on")


def test_what_is_taken_away_is_what_is_shown(opened):
    page = opened(SMALL)
    page.wait_for("leave")
    page.settled()
    content = json.loads(page.taken("download-json", "spikes.json"))
    assert set(content) == {"schema", "problem", "theory", "simulation", "agreement"}
    assert content["problem"]["n"] == 400
    assert page.taken("download-figure", "spikes.png").startswith(b"\x89PNG")


def test_a_bad_address_is_said(browser, opened):
    page = opened("alpha=much&target=" + quote("<script>alert(1)</script>"))
    page.wait_for("must be a number")
    page = opened("target=" + quote("<script>document.title='lost'</script>"))
    page.wait_for("`target`")
    assert browser.title == "spikes explore"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1400])
def test_it_fits_and_complains_of_nothing(browser, opened, width, scheme):
    page = opened(SMALL, width=width, scheme=scheme)
    page.wait_for("leave")
    page.settled()
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for name in ("spectrum", "learned", "errors", "steps"):
        assert page.find(f".picture-{name}", "svg").rect["width"] > 0.8 * min(width, 500)
    paper, ink = (
        browser.execute_script(f"return getComputedStyle(document.body).{what}")
        for what in ("backgroundColor", "color")
    )
    assert (brightness(paper) > brightness(ink)) == (scheme == "light")
    drawn = page.find(".picture-errors", "svg")
    assert drawn.value_of_css_property("fill").replace(" ", "").startswith(ink.replace(" ", "").rstrip(")"))
    assert page.errors() == []


def brightness(colour):
    """Of rgb(r, g, b), from 0 to 1."""
    return sum(int(part) for part in colour[4:-1].split(",")[:3]) / 765.0
