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


class Page:
    """One open page."""

    def __init__(self, browser, address, query="", width=1400, scheme="light"):
        self.browser = browser
        scheme = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
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
        from selenium.common.exceptions import StaleElementReferenceException

        end = time.monotonic() + PATIENCE
        while True:
            try:
                if condition():
                    return
            except StaleElementReferenceException:
                pass  # it was drawn again between being found and being asked
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

        def typed():
            box = self.find(f".field-{name}", "input")
            box.send_keys(Keys.END, Keys.BACKSPACE * len(box.get_property("value")), text, Keys.ENTER)
            # a field that is drawn again under the keys has lost some
            return self.find(f".field-{name}", "input").get_property("value") == text

        self.wait(typed, f"typing {text!r}")

    def errors(self):
        return [entry for entry in self.browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def simulated(page):
    """The number of seeds that the text tells of."""
    told = re.search(r"(\d+) of 200 seeds simulated", page.text())
    return int(told[1]) if told else 0


def test_dragging_alpha_changes_the_number_of_spikes_in_the_text(browser, address):
    from selenium.webdriver import ActionChains

    page = Page(browser, address, "alpha=0.2")
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
    again = Page(browser, address, browser.current_url.partition("?")[2])
    again.wait_for("2 spikes leave the bulk")
    assert float(again.find(".field-alpha", "input").get_property("value")) == alpha
    assert again.errors() == []


def test_seeds_join_and_stop(browser, address):
    page = Page(browser, address, f"{SMALL}&seeds=200")
    page.wait_for("leave")
    page.settled()
    assert not page.find(".stop", "button").is_enabled()
    page.find(".simulate", "button").click()
    page.wait(lambda: simulated(page) >= 2, "waiting for two seeds")
    page.wait(lambda: re.search(r"simulated\. \w", page.text()), "waiting for the runs beside the law")
    page.find(".stop", "button").click()
    page.wait(lambda: not page.find(".stop", "button").is_enabled(), "waiting for the stop")
    stopped = simulated(page)
    time.sleep(2.0)
    assert 2 <= simulated(page) == stopped < 200
    page.find(".simulate", "button").click()  # and again
    page.wait(lambda: 1 <= simulated(page) < stopped, "waiting for another simulation")
    page.type("noise", "0.6")  # another problem ends it
    page.wait(lambda: "simulated" not in page.text(), "waiting for the end")
    assert page.errors() == []


def test_a_bad_target_is_said_and_the_last_good_picture_stays(browser, address):
    page = Page(browser, address, SMALL)
    page.wait_for("leave")
    page.settled()
    before = page.picture("spectrum")
    page.type("target", "__import__('os').system('true')")
    page.wait_for("`target`")
    time.sleep(1.0)
    assert page.picture("spectrum") == before
    page.type("target", "z +")
    page.wait_for("`target`")
    assert page.picture("spectrum") == before
    page.type("target", "z + 0.4*He2(z)")
    page.wait(lambda: "`target`" not in page.text(), "waiting for the complaint to go")
    assert page.errors() == []


def test_two_sessions_do_not_disturb_each_other(browser, address):
    first = Page(browser, address, f"{SMALL}&alpha=0.2")
    first.wait_for("leave")
    first.settled()
    said, drawn = first.text(), first.picture("spectrum")
    browser.switch_to.new_window("tab")
    second = Page(browser, address, f"{SMALL}&alpha=0.5")
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


def test_what_is_taken_away_is_what_is_shown(browser, address):
    page = Page(browser, address, SMALL)
    page.wait_for("leave")
    page.settled()
    for kind, name in (("download-json", "spikes.json"), ("download-figure", "spikes.png")):
        page.find(f".{kind}", "a").click()
        page.wait(lambda name=name: (browser.downloads / name).exists(), f"waiting for {name}")
    content = json.loads((browser.downloads / "spikes.json").read_text())
    assert set(content) == {"schema", "problem", "theory", "simulation", "agreement"}
    assert content["problem"]["n"] == 400
    assert (browser.downloads / "spikes.png").read_bytes().startswith(b"\x89PNG")


def test_a_bad_address_is_said(browser, address):
    page = Page(browser, address, "alpha=much&target=" + quote("<script>alert(1)</script>"))
    page.wait_for("must be a number")
    page = Page(browser, address, "target=" + quote("<script>document.title='lost'</script>"))
    page.wait_for("`target`")
    assert browser.title == "spikes explore"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1400])
def test_it_fits_and_complains_of_nothing(browser, address, width, scheme):
    page = Page(browser, address, SMALL, width=width, scheme=scheme)
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
