"""The registry of claims: that each says what it is, and that a wrong formula does not pass."""

from dataclasses import replace

import pytest

from spikes.validation import registry, validate
from spikes.validation.subjects import SUBJECTS

CLAIMS = registry()

# Claims too blunt in a short run for an error of five per cent, as their tolerances say.
BLUNT = ("conditional/edges", "conditional/alignments")
POWER = tuple(
    name
    for name, c in CLAIMS.items()
    if name.split("/")[0] in ("conditional", "nonlinear", "laws")
    and c.kind == "number"
    and c.scale is None  # a prediction of 0 has no five per cent
    and not c.expected
    and name not in BLUNT
)


def wrong_by(factor, claim):
    """The claim with its prediction multiplied."""

    def predict(*arguments):
        made = claim.predict(*arguments)
        return {k: factor * v for k, v in made.items()} if isinstance(made, dict) else factor * made

    return replace(claim, name=f"{claim.name}-wrong", predict=predict)


def wrong_entry(claim, size):
    """One claim for each entry of the table, with that entry off by one."""
    entries = list(claim.predict(claim.problem(size)))

    def spoiled(entry):
        def predict(problem):
            made = claim.predict(problem)
            return made | {entry: made[entry] + 1.0}

        return predict

    return [replace(claim, name=f"{claim.name}-wrong-{i}", predict=spoiled(e)) for i, e in enumerate(entries)]


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_say_what_they_are(name):
    claim = CLAIMS[name]
    subject, title = name.split("/")
    assert subject in SUBJECTS
    assert title
    assert len(claim.statement) > 20
    assert len(claim.measured) > 10
    assert claim.source
    assert claim.quick is not None
    assert claim.quick[-1][0] < claim.levels[-1][0] or claim.quick[-1][1] <= claim.levels[-1][1]


def test_a_claim_of_the_registry_and_a_wrong_one():
    right = replace(CLAIMS["laws/tracy-widom"], quick=((60, 300), (120, 200)), tolerance=0.02)
    verdicts = validate([right, wrong_by(1.05, right)], quick=True, workers=1).verdicts
    assert verdicts == {"laws/tracy-widom": "holds", "laws/tracy-widom-wrong": "fails"}


@pytest.mark.slow
def test_formulas_wrong_by_five_per_cent_fail():
    assert len(POWER) >= 10
    verdicts = validate([wrong_by(1.05, CLAIMS[name]) for name in POWER], quick=True).verdicts
    assert {name: v for name, v in verdicts.items() if v != "fails"} == {}


@pytest.mark.slow
def test_tables_with_one_wrong_entry_fail():
    tables = [c for c in CLAIMS.values() if c.kind == "table" and c.name.split("/")[0] in ("conditional", "nonlinear")]
    wrong = [w for c in tables for w in wrong_entry(c, c.at(True)[-1][0])]
    verdicts = validate(wrong, quick=True).verdicts
    assert {name: v for name, v in verdicts.items() if v != "fails"} == {}
