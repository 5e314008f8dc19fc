"""The registry of claims: that each says what it is, and that a wrong formula does not pass."""

from dataclasses import replace

import pytest

from spikes.validation import registry, validate
from spikes.validation.subjects import SUBJECTS

CLAIMS = registry()

# Claims of a number, each of which a formula wrong by five per cent must fail in a short run.
POWER = (
    "conditional/density",
    "conditional/initial-density",
    "conditional/edges",
    "conditional/outliers",
    "conditional/outlier-odd",
    "conditional/step",
    "conditional/test-error",
    "conditional/training-errors",
    "conditional/errors-odd",
    "conditional/errors-without-step",
    "nonlinear/gradient-amplitude",
    "laws/spiked-covariance",
    "laws/spiked-information-plus-noise",
    "laws/spiked-wigner",
    "laws/tracy-widom",
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
    # what is extrapolated has sizes enough to show a bend
    assert claim.kind != "number" or claim.rate is None or len(claim.levels) >= 3


def test_a_claim_of_the_registry_and_a_wrong_one():
    right = replace(CLAIMS["laws/tracy-widom"], quick=((60, 300), (120, 200)), tolerance=0.02)
    verdicts = validate([right, wrong_by(1.05, right)], quick=True, workers=1).verdicts
    assert verdicts == {"laws/tracy-widom": "holds", "laws/tracy-widom-wrong": "fails"}


@pytest.mark.slow
def test_formulas_wrong_by_five_per_cent_fail():
    wrong = [wrong_by(1.05, CLAIMS[name]) for name in POWER]
    verdicts = validate(wrong, quick=True).verdicts
    assert set(verdicts.values()) == {"fails"}, verdicts


@pytest.mark.slow
def test_tables_with_one_wrong_entry_fail():
    tables = [c for c in CLAIMS.values() if c.kind == "table"]
    wrong = [w for c in tables for w in wrong_entry(c, c.at(True)[-1][0])]
    verdicts = validate(wrong, quick=True).verdicts
    assert set(verdicts.values()) == {"fails"}, verdicts
