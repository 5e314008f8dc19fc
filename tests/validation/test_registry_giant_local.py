"""The claims of giant steps and of the local analysis: well formed, as expected, and able to fail."""

from dataclasses import replace

import pytest

from spikes.validation import validate
from spikes.validation.subjects import giant_steps, local_analysis, registry

CLAIMS = (*giant_steps.CLAIMS, *local_analysis.CLAIMS)
# The other claims are as sharp as their law is known, or as the sampling error of a short run allows.
BLUNT = {"giant/one-step-spread", "giant/learning-curve"}
SHARP = [c for c in CLAIMS if c.kind == "number" and c.name not in BLUNT]
TABLES = [c for c in CLAIMS if c.kind == "table"]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.name)
def test_well_formed(claim):
    assert registry()[claim.name] is claim
    assert claim.name.split("/")[0] in ("giant", "local")
    for text in (claim.statement, claim.source, claim.measured):
        assert len(text) > 10
        assert "  " not in text
    assert claim.statement.endswith(".")
    assert claim.quick is not None
    # a short run is one: no size beyond the full run's
    assert claim.quick[-1][0] <= claim.levels[-1][0]


def wrong(claim, factor=1.05):
    """The claim with its prediction off by 5 %."""

    def predict(*args):
        right = claim.predict(*args)
        return {k: factor * v for k, v in right.items()} if isinstance(right, dict) else factor * right

    return replace(claim, name=f"{claim.name}-wrong", predict=predict)


def altered(claim, entry):
    """The table with one entry changed."""

    def predict(*args):
        right = claim.predict(*args)
        return right | {entry: right[entry] + 1}

    number = list(claim.predict(claim.quick[0][0])).index(entry)
    return replace(claim, name=f"{claim.name}-altered-{number}", predict=predict)


def test_cheap_claims():
    held = [registry()[name] for name in ("local/loss-orthogonal", "giant/leap")]
    entry = "z1*z2, erf"
    found = validate([*held, wrong(held[0]), altered(held[1], entry)], quick=True, workers=1)
    assert found.verdicts == {
        "local/loss-orthogonal": "holds",
        "giant/leap": "holds",
        "local/loss-orthogonal-wrong": "fails",
        f"giant/leap-altered-{list(held[1].predict(12)).index(entry)}": "fails",
    }


@pytest.mark.slow
def test_verdicts_and_power():
    tables = [altered(c, entry) for c in TABLES for entry in c.predict(c.quick[0][0])]
    mistaken = [wrong(c) for c in SHARP]
    found = validate([*CLAIMS, *mistaken, *tables], quick=True, workers=2)
    unexpected = {c.name: found.verdicts[c.name] for c in CLAIMS if not found[c.name].as_expected}
    assert unexpected == {}
    missed = {c.name: found.verdicts[c.name] for c in (*mistaken, *tables) if found.verdicts[c.name] != "fails"}
    assert missed == {}
    assert len(mistaken) >= 10
