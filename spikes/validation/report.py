"""A certificate as one HTML file that needs nothing else: no network, no script but its own."""

from __future__ import annotations

import base64
import hashlib
import json as json_module
import math
import platform
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from spikes.presentation.inline_svg import inline_svg
from spikes.presentation.numbers import estimate_text, number_text, z_text
from spikes.validation.certificate import Certificate, ClaimResult, Quantity
from spikes.validation.figure import WIDTH, panel_height, panels, plot_claim
from spikes.validation.presentation import (
    SYMBOLS,
    agreement_text,
    difference_unit,
    limit_text,
    tally,
    tested_numbers,
)
from spikes.validation.statement import DIFFERS, VERDICTS

__all__ = ["html_report"]

_CLASSES = dict(zip(VERDICTS, ("holds", "limit", "differs", "unresolved", "fails"), strict=True))


def html_report(certificate: Certificate, *, command: str = "", json: str = "", date: str = "") -> str:
    """Write a certificate as a page.

    Parameters
    ----------
    certificate : Certificate
    command : str, optional
        Command line that makes the report again, to be shown.
    json : str, optional
        Name of the JSON file beside the page, to be linked to.
    date : str, optional
        When the claims were tested, to be shown.

    Returns
    -------
    str
        HTML with everything in it. The same certificate gives the same text on the same machine.
    """
    style = files("spikes.presentation").joinpath("report.css").read_text(encoding="utf-8")
    script = files(__package__).joinpath("report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    problems = certificate.to_dict()["problem"]
    sections = "".join(
        _section(result, problems[result.claim.name], f"f{i}", certificate)
        for i, result in enumerate(certificate.results)
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Theory put to the test: {escape(tally(certificate))}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<header id="top">
<h1>Asymptotic theory put to the test</h1>
<p class="tally">{escape(_sentence(tally(certificate)))}</p>
{_provenance(certificate, command, json, date)}
{_method(certificate)}
</header>
<main>
<h2 id="summary">Summary</h2>
{_summary(certificate)}
{sections}
</main>
<script>{script}</script>
</body>
</html>
"""  # noqa: E501


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _badge(verdict: str) -> str:
    return f'<span class="verdict {_CLASSES[verdict]}"><i aria-hidden="true">{SYMBOLS[verdict]}</i> {verdict}</span>'


def _method(certificate: Certificate) -> str:
    tests = tested_numbers(certificate)
    each = number_text(certificate.level / tests, 2)
    meanings = {
        "holds": "no size differs significantly; the interval has 0 in it and lies within the tolerance.",
        "holds as n → ∞": "sizes differ, and their difference does not grow; the interval of its limit has 0 in it "
        "and lies within the tolerance.",
        DIFFERS: "the interval leaves out 0, or what is claimed at every size differs at one, or the difference grows; "
        "what differs lies within the tolerance.",
        "unresolved": "the interval has 0 in it and reaches beyond the tolerance: the simulations are too few or too "
        "small to tell.",
        "fails": "the interval leaves out 0, or what is claimed at every size differs at one, or the difference grows; "
        "what differs is not within the tolerance.",
    }
    items = "".join(f"<li>{_badge(verdict)}: {escape(text)}</li>" for verdict, text in meanings.items())
    counted = f"{tests} numbers are" if tests > 1 else "One number is"
    return f"""<p>Each claim predicts numbers, the entries of a table, or a bound, for a stated problem. The problem is
simulated independently of the prediction at growing sizes, with many seeds at each, and simulation less theory is
followed to its limit by a weighted fit on size<sup>−r</sup>, r the rate that the claim states. With three sizes or
more that rate is tested, and fitted where the differences contradict it; with two it is assumed. The interval is that
of the mean of all sizes where none differs significantly, or the claim is one at every size, and that of the limit
otherwise. Errors are standard errors over seeds, by Student’s t; control variates of known expectation narrow them
where a gain is stated. Numbers in which no run differs from another are called exact: they have no standard error, and
hold within the tolerance.
{counted} tested in this {"short run" if certificate.quick else "run"}: intervals miss with probability {each} each,
so that the chance of any false alarm on the whole page is at most {certificate.level:g}.</p>
<ul class="verdicts">{items}</ul>
<p>Entries of a table hold where three quarters of the seeds agree with the prediction, and fail where half or fewer
do at the largest size; a bound fails if a single run breaks it.</p>"""


def _summary(certificate: Certificate) -> str:
    columns = (
        ("claim", "name text", False),
        ("verdict", "text", True),
        ("difference", "", True),
        ("tolerance", "", True),
        ("z", "", True),
        ("sizes", "", True),
        ("seeds", "", True),
    )
    head = "".join(
        f'<th scope="col" class="{classes}"{" data-numeric" if numeric else ""}>'
        f'<button type="button">{name}</button></th>'
        for name, classes, numeric in columns
    )
    subjects = dict.fromkeys(_subject(result) for result in certificate.results)
    groups = "".join(
        f'<tbody><tr class="subject"><th scope="rowgroup" colspan="{len(columns)}" class="text">{escape(subject)}</th>'
        f"</tr>{''.join(_summary_row(r) for r in certificate.results if _subject(r) == subject)}</tbody>"
        for subject in subjects
    )
    present = dict.fromkeys(v for v in VERDICTS if v in certificate.verdicts.values())
    boxes = "".join(
        f'<label><input type="checkbox" checked value="{_CLASSES[verdict]}"> {_badge(verdict)}</label>'
        for verdict in present
    )
    return f"""<form class="filter" role="search"><label>Find <input type="search" name="words"
placeholder="words of a claim"></label> {boxes} <output></output></form>
<div class="wide summary claims" tabindex="0" role="region" aria-labelledby="summary">
<table class="sortable"><thead><tr>{head}</tr></thead>
{groups}</table></div>
<p class="note">The difference is simulation less theory with its interval: of the limit, or of the mean of all sizes
where no size differs or the claim is one at every size. z is that of the largest size, in standard errors. Of a claim
with several numbers, those of the one that decides its verdict.</p>"""


def _subject(result: ClaimResult) -> str:
    """Of a claim: what stands before the slash in its name."""
    subject, slash, _ = result.claim.name.partition("/")
    return subject if slash else "other claims"


def _summary_row(result: ClaimResult) -> str:
    q = result.decisive
    factor, unit = difference_unit(result.claim)
    limit = None if q.limit is None else q.limit.value * factor
    note = f"<small>{escape(_deciding(result))}</small>" if _deciding(result) else ""
    if not result.as_expected:
        note += f'<small class="odd">expected: {escape(result.claim.expected or "holds")}</small>'
    tolerance = factor * result.claim.tolerance if q.limit is not None else None
    sizes, seeds = zip(*result.levels, strict=True)
    link = f'<a href="#{_anchor(result)}">{_breakable(result.claim.name)}</a>'
    claimed = f'<span class="claimed">{_prose(result.claim.statement)}</span>'
    cells = (
        ("name text", "claim", result.claim.name, f"{link}{claimed}{note}"),
        ("text", "verdict", VERDICTS.index(result.verdict), _badge(result.verdict)),
        ("", "difference", _key(limit), escape(limit_text(result.claim, q) or agreement_text(result, q))),
        ("", "tolerance", _key(tolerance), "" if tolerance is None else f"{number_text(tolerance, 3)}{unit}"),
        ("", "z", _key(q.z), "exact" if q.deterministic else escape(z_text(q.z, seeds[-1]))),
        ("", "sizes", str(sizes[-1]), _span(sizes)),
        ("", "seeds", str(seeds[-1]), "" if q.deterministic else _span(seeds)),
    )
    return (
        f'<tr data-verdict="{_CLASSES[result.verdict]}">'
        + "".join(
            f'<td class="{c}" data-name="{name}" data-key="{escape(str(key))}">{text}</td>'
            for c, name, key, text in cells
        )
        + "</tr>\n"
    )


def _span(values: Sequence[int]) -> str:
    """First to last, or the one that all are."""
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}–{high}"


def _deciding(result: ClaimResult) -> str:
    """Which of several numbers is shown."""
    if len(result.quantities) == 1:
        return result.decisive.label
    return f"{result.decisive.label}; {len(result.quantities)} in all"


def _key(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(float(value)).replace("inf", "Infinity")


def _prose(text: str) -> str:
    """Text with names of code between backticks set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _breakable(name: str) -> str:
    """A name that may be broken between its parts."""
    return re.sub(r"([/_-])", r"\1<wbr>", escape(name))


def _anchor(result: ClaimResult) -> str:
    return escape(f"claim-{result.claim.name}")


def _section(result: ClaimResult, problems: Sequence[dict[str, Any]], prefix: str, certificate: Certificate) -> str:
    claim = result.claim
    drawn = "\n".join(_svg(result, part, f"{prefix}p{i}") for i, part in enumerate(panels(result)))
    measured = f"<p>Measured: {_prose(claim.measured)}</p>" if claim.measured else ""
    odd = "" if result.as_expected else f' <span class="odd">expected: {escape(claim.expected or "holds")}</span>'
    return f"""<section id="{_anchor(result)}">
<h2><span>{_breakable(claim.name)}</span> {_badge(result.verdict)}{odd}</h2>
<p>{_prose(claim.statement)}</p>
{measured}<p class="source">Source: {_prose(claim.source)}. {_terms(result)}</p>
<figure>{drawn}
<figcaption>{escape(_caption(result))}</figcaption></figure>
{_numbers(result)}
<details><summary>The exact problem at each size</summary>{_problem_table(problems)}
<p class="note">Seed {escape(_seed(certificate))}; a simulation’s own follows from it, its problem and its size.</p></details>
<p class="note top"><a href="#summary">Back to the summary</a></p>
</section>
"""  # noqa: E501


def _terms(result: ClaimResult) -> str:
    """Tolerance and rate in words."""
    claim = result.claim
    if claim.kind != "number":
        return ""
    factor, unit = difference_unit(claim)
    tolerance = f"Tolerance {number_text(factor * claim.tolerance, 3)}{unit}"
    if claim.rate is None:
        return f"{tolerance}; claimed at every size."
    if len(result.levels) == 1:
        return f"{tolerance}; tested at one size, so that no limit is seen."
    fitted = [q.limit.rate for q in result.quantities if q.limit is not None and q.limit.rate_fitted]
    assumed = f"{tolerance}; the difference is taken to close like size<sup>−{claim.rate:g}</sup>"
    if not fitted:
        return f"{assumed}{', which two sizes cannot test' if len(result.levels) == 2 else ''}."
    rates = ", ".join(f"size<sup>−{rate:.2f}</sup>" for rate in fitted)
    return f"{assumed}, which {len(fitted)} of {len(result.quantities)} contradict; fitted instead: {rates}."


def _caption(result: ClaimResult) -> str:
    if result.claim.kind == "table":
        return "Entries with what is predicted of them, and the seeds that agree, size by size."
    if result.claim.kind == "bound":
        return "Mean ± standard deviation over the seeds against size; bars: what no run may fall below."
    extrapolated = any(q.limit is not None and q.limit.rate is not None for q in result.quantities)
    fit = "limit of the dashed fit (the mean where no size differs)" if extrapolated else "mean of all sizes"
    return (
        "Simulation less theory, ± standard error, against size; grey: the tolerance; at the right, open, the "
        f"{fit} with its simultaneous interval."
    )


def _numbers(result: ClaimResult) -> str:
    claim = result.claim
    named = any(q.label for q in result.quantities)
    heads = [*(["quantity"] if named else []), "size", "predicted", "simulated ± s.e.", "seeds"]
    if claim.kind == "number":
        unit = difference_unit(claim)[1].strip()
        heads += ["difference" + (f", {unit}" if unit else ""), "z", "gain of controls"]
    else:
        heads.append("agree" if claim.kind == "table" else "keep it")
    head = "".join(f'<th scope="col"{_text_class(name)}>{name}</th>' for name in heads)
    rows = "".join(_number_rows(result, q, named) for q in result.quantities)
    label = escape(f"Numbers of {claim.name}")
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}"><table class="numbers">'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>"
    )


def _text_class(name: str) -> str:
    return ' class="text"' if name == "quantity" else ""


def _number_rows(result: ClaimResult, q: Quantity, named: bool) -> str:
    rows = []
    factor, _ = difference_unit(result.claim)
    for i, (size, seeds) in enumerate(result.levels):
        cells = [
            str(size),
            number_text(q.predicted[i]),
            estimate_text(q.simulated[i]),
            "" if q.deterministic else str(seeds),
        ]
        if q.differences:
            d = q.differences[i]
            cells += [
                number_text(factor * d.value, 3),
                "exact" if q.deterministic else z_text(d.z, seeds),
                "" if d.gain == 1.0 else f"{d.gain:.{1 if d.gain < 10.0 else 0}f} ×",
            ]
        else:
            cells.append(f"{round(q.agreement[i] * seeds)} of {seeds}")
        label = escape(q.label) + (
            "" if q.verdict == result.verdict else f"<small>{SYMBOLS[q.verdict]} {q.verdict}</small>"
        )
        lead = f'<th scope="rowgroup" rowspan="{len(result.levels)}" class="text quantity">{label}</th>'
        start = lead if named and i == 0 else ""
        rows.append(f"<tr>{start}" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>\n")
    return "".join(rows)


def _problem_table(problems: Sequence[dict[str, Any]]) -> str:
    """Fields of the problem, a column a size; one column for what is the same at all."""
    stated = [p["problem"] if isinstance(p["problem"], dict) else {"problem": p["problem"]} for p in problems]
    fields = {name: [_plain_value(s.get(name)) for s in stated] for name in dict.fromkeys(k for s in stated for k in s)}
    head = "".join(f'<th scope="col">size {p["size"]}</th>' for p in problems)
    rows = []
    for name, values in fields.items():
        if len(set(values)) == 1:
            cells = f'<td colspan="{len(values)}" class="text">{escape(values[0])}</td>'
        else:
            cells = "".join(f"<td>{escape(value)}</td>" for value in values)
        rows.append(f'<tr><th scope="row" class="text">{escape(name)}</th>{cells}</tr>\n')
    return (
        '<div class="wide" tabindex="0" role="region" aria-label="The exact problem"><table>'
        f'<thead><tr><th scope="col" class="text">field</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _plain_value(value: Any) -> str:
    return value if isinstance(value, str) else json_module.dumps(value, ensure_ascii=False)


def _seed(certificate: Certificate) -> str:
    key = certificate.seed.spawn_key
    return f"{certificate.seed.entropy}" + (f", spawn key {list(key)}" if key else "")


def _provenance(certificate: Certificate, command: str, json: str, date: str) -> str:
    versions = certificate.to_dict()["simulation"]["packages"]
    entries = {
        "Date": escape(date),
        "Again": f"<code>{escape(command)}</code>" if command else "",
        "Numbers": f'<a href="{escape(json)}">{escape(json)}</a>' if json else "",
        "Seed": escape(_seed(certificate)),
        "Versions": escape(", ".join(f"{name} {version}" for name, version in versions.items())),
        "Platform": escape(platform.platform()),
    }
    rows = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in entries.items() if text)
    return f'<dl id="made">{rows}</dl>'


def _svg(result: ClaimResult, quantities: Sequence[Quantity], prefix: str) -> str:
    """One panel of a claim's figure."""
    return inline_svg(
        lambda ax: plot_claim(result, quantities, ax=ax),
        (WIDTH, panel_height(result, quantities)),
        f"{result.claim.name}: {result.verdict}",
        prefix=prefix,
    )
