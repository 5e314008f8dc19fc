"""The report is one page, for any certificate: nothing from outside, nothing of a claim read as markup."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from spikes.estimates import Estimate
from spikes.presentation.figure import save_figure
from spikes.presentation.numbers import estimate_text, number_text, z_text
from spikes.validation import html_report, load_claims, plot_certificate, validate
from spikes.validation.certificate import Certificate, ClaimResult
from spikes.validation.figure import panels
from spikes.validation.presentation import limit_text, tally

CLAIMS = Path(__file__).parent / "example_claims.py"


@pytest.fixture(scope="module")
def certificate():
    return validate(load_claims(str(CLAIMS)), workers=1)


@pytest.fixture(scope="module")
def page(certificate):
    return html_report(certificate, command="spikes validate 'a & b'", json="a.json")


class Parser(HTMLParser):
    """Tags with their attributes in order, ids, text, and whether every element is closed in turn."""

    VOID = frozenset({"meta", "link", "wbr", "input"})

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)

    def ids(self):
        return [a["id"] for _, a in self.tags if "id" in a]


def test_the_page_is_whole_and_small(page, certificate):
    parsed = Parser(page)
    assert parsed.open == []
    assert len(set(parsed.ids())) == len(parsed.ids())
    targets = re.findall(r'(?:href="|url\()#([^")]+)', page)
    assert set(targets) <= set(parsed.ids())
    drawn = sum(len(panels(r)) for r in certificate.results)
    assert sum(tag == "svg" for tag, _ in parsed.tags) == drawn == len(certificate.results)
    assert len(page.encode()) < 25_000 * drawn  # 2 MB for 80 figures


def test_nothing_comes_from_outside(page):
    assert "http" not in page.replace("http-equiv", "")
    assert "@import" not in page
    for _, attributes in Parser(page).tags:
        assert "src" not in attributes
        assert attributes.get("href", "#")[0] == "#" or attributes["href"] in ("a.json", "data:,")


def test_claims_are_text_not_markup(page, certificate):
    parsed = Parser(page)
    assert sum(tag == "script" for tag, _ in parsed.tags) == 1
    assert not any(tag == "b" for tag, _ in parsed.tags)
    shown = "".join(parsed.text)
    assert certificate["moments/exact"].claim.statement in shown  # its <script> to be read
    assert "J. Wishart & <b>others</b> (numpy.linalg)" in shown
    assert shown.count("k = 3 & <i>more</i>") >= 2  # in the numbers and in the figure's legend
    assert "spikes validate 'a & b'" in shown
    label = "</td><img src=x onerror=alert(1)>"
    hostile = rename(certificate["moments/several"], label)
    parsed = Parser(html_report(replace_results(certificate, hostile), json='"><script>'))
    assert not any(tag == "img" for tag, _ in parsed.tags)
    assert sum(tag == "script" for tag, _ in parsed.tags) == 1
    assert label in "".join(parsed.text)


def rename(result: ClaimResult, label: str) -> ClaimResult:
    return replace(result, quantities=tuple(replace(q, label=label) for q in result.quantities))


def replace_results(certificate: Certificate, *results: ClaimResult) -> Certificate:
    return replace(certificate, results=results)


@pytest.mark.slow
def test_the_same_certificate_gives_the_same_page(page, certificate):
    assert html_report(certificate, command="spikes validate 'a & b'", json="a.json") == page
    assert not re.search(r"20\d\d-\d\d-\d\d", page)
    assert "<dt>Date</dt><dd>1999-12-31</dd>" in html_report(certificate, date="1999-12-31")


def test_verdicts_have_sign_and_word(page, certificate):
    shown = re.sub(r"\s+", " ", "".join(Parser(page).text))
    for sign in ("✓ holds", "→ holds as n → ∞", "✗ fails", "? unresolved"):
        assert shown.count(sign) >= 2  # explained, and given
    assert tally(certificate).endswith("2 fail; not as expected: too_few")
    assert shown.count("expected: holds") == 2  # in the summary and above the claim


def test_numbers_of_the_page_are_those_of_the_certificate(page, certificate):
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", page, flags=re.DOTALL)
    result = certificate["moments/limit"]
    for i, (size, seeds) in enumerate(result.levels):
        (q,) = result.quantities
        wanted = [str(size), "1.5", estimate_text(q.simulated[i]), str(seeds)]
        assert any(re.findall(r"<td>(.*?)</td>", row)[:4] == wanted for row in rows)
    (row,) = [r for r in rows if 'href="#claim-moments/wrong"' in r]
    keys = re.findall(r'data-key="([^"]*)"', row)
    limit = certificate["moments/wrong"].quantities[0].limit.value
    assert keys[:2] == ["moments/wrong", "4"]
    assert float(keys[2]) == pytest.approx(100.0 * limit)
    assert limit == pytest.approx(-0.25, abs=0.01)


def test_figures_take_the_colours_and_keep_the_numbers_of_the_page(page):
    svgs = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    for svg in svgs:
        assert not re.search(r"#[0-9a-f]{6}\b", svg)  # every colour follows the scheme
        assert "var(--" in svg
        assert "font-family" not in svg
    centred = next(svg for svg in svgs if "moments/centred" in svg)
    ticks = re.findall(r">(−?0\.\d+)</text>", centred)
    assert {"0.002", "−0.002"} <= set(ticks)  # coordinates are rounded, labels are not


def test_a_long_claim_is_split_over_panels(certificate):
    several = certificate["moments/several"]
    many = replace(several, quantities=several.quantities * 4)
    parts = panels(many)
    assert [len(p) for p in parts] == [6, 5, 5]
    assert html_report(replace_results(certificate, many)).count("<svg") == 3


def test_figure_of_a_certificate(certificate, tmp_path):
    path = tmp_path / "a.png"
    save_figure(str(path), lambda: plot_certificate(replace_results(certificate, *certificate.results[2:6])))
    assert path.stat().st_size > 20_000


def test_decisive_quantity_is_of_the_verdict_and_the_furthest_off(certificate):
    assert certificate["edges/none-outside"].decisive.label == "above 2.7, with one entry wrong"
    several = certificate["moments/several"]
    worst = [q for q in several.quantities if q.verdict == several.verdict]
    assert abs(several.decisive.z) == max(abs(q.z) for q in worst)


def test_digits():
    assert estimate_text(Estimate(0.581234, 0.00012, 8)) == "0.58123 ± 0.00012"
    assert estimate_text(Estimate(-1234.5, 23.0, 8)) == "−1234 ± 23"
    assert estimate_text(Estimate(0.9199, 0.003, 8)) == "0.9199 ± 0.0030"
    assert estimate_text(Estimate(3.0, 0.0, 8)) == "3"
    assert estimate_text(Estimate(3.0, float("nan"), 1)) == "3"
    assert number_text(-1.5e-9) == "−1.5e−9"
    assert (number_text(float("nan")), number_text(float("-inf"))) == ("", "−∞")
    assert (z_text(-0.04), z_text(-3.14), z_text(float("inf"))) == ("0.0", "−3.1", "∞")


def test_limits_are_in_percent_unless_the_claim_has_a_scale(certificate):
    for name, unit in (("moments/limit", " % ["), ("moments/centred", " [")):
        result = certificate[name]
        factor = 100.0 if "%" in unit else 1.0
        value, low, high = re.findall(r"−?[\d.]+", limit_text(result.claim, result.quantities[0]))
        assert unit in limit_text(result.claim, result.quantities[0])
        found = [float(x.replace("−", "-")) for x in (value, low, high)]
        q = result.quantities[0]
        np.testing.assert_allclose(found, [factor * x for x in (q.limit.value, *q.interval)], atol=factor * 1e-3)


def test_the_command_writes_page_and_numbers(spikes, tmp_path, certificate):
    path = tmp_path / "a.b.html"
    run = ["--claims", str(CLAIMS), "too_few", "--workers", "1", "--quiet", "--report", str(path)]
    code, out, err = spikes("validate", *run)
    assert (code, err) == (1, "")  # its verdict is not the expected one
    assert f"report written to {path}, its numbers to {tmp_path / 'a.b.json'}" in out
    page, numbers = path.read_text(), json.loads((tmp_path / "a.b.json").read_text())
    assert 'href="a.b.json"' in page
    assert f"spikes validate too_few --claims {CLAIMS} --seed 0 --report {path}" in page
    # the same seed gives the same simulations whichever claims are run
    alone, among = numbers["simulation"]["claims"], certificate.to_dict()["simulation"]["claims"]
    assert alone["too_few"]["quantities"][0]["limit"] == among["too_few"]["quantities"][0]["limit"]
