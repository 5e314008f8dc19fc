"""The registry of claims: that each says what it is, holds as expected, and that a wrong formula does not pass."""

from dataclasses import replace

import pytest

from spikes.simulation.seeds import as_seed_sequence
from spikes.validation import registry, run, validate

CLAIMS = registry()
SUBJECTS = ("conditional", "optimizers", "nonlinear", "laws", "giant", "local")
SIMULATED = ("conditional", "optimizers", "nonlinear", "laws")

# Claims too blunt in a short run for an error of five per cent, as their tolerances say.
BLUNT = (
    "optimizers/sign-second",
    "optimizers/spectral-noise",
    "conditional/edges",
    "conditional/alignments",
    "giant/one-step-spread",
    "giant/learning-curve",
)


def subject(claim):
    return claim.name.split("/")[0]


def sharp(*subjects):
    """Numbers of some subjects that a short run resolves to five per cent; a prediction of 0 has none."""
    return [
        c
        for c in CLAIMS.values()
        if subject(c) in subjects
        and c.kind == "number"
        and c.name not in BLUNT
        and not (subject(c) in SIMULATED and (c.scale is not None or c.expected))
    ]


def wrong_by(factor, claim):
    """The claim with its prediction multiplied."""

    def predict(*arguments):
        right = claim.predict(*arguments)
        return {k: factor * v for k, v in right.items()} if isinstance(right, dict) else factor * right

    return replace(claim, name=f"{claim.name}-wrong", predict=predict)


def wrong_entries(claim):
    """One claim for each entry of a table, with that entry off by one."""

    def altered(number, entry):
        def predict(*arguments):
            right = claim.predict(*arguments)
            return right | {entry: right[entry] + 1}

        return replace(claim, name=f"{claim.name}-altered-{number}", predict=predict)

    entries = claim.predict(claim.problem(claim.at(True)[-1][0]))
    return [altered(number, entry) for number, entry in enumerate(entries)]


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_say_what_they_are(name):
    claim = CLAIMS[name]
    assert claim.name == name
    assert subject(claim) in SUBJECTS
    for text in (claim.statement, claim.source, claim.measured):
        assert len(text) > 10
        assert "  " not in text
    assert len(claim.statement) > 20
    assert claim.statement.endswith(".")
    # a short run is one: no size beyond the full run's
    assert claim.quick is not None
    assert claim.quick[-1][0] <= claim.levels[-1][0]


def test_every_subject_has_claims():
    assert {subject(c) for c in CLAIMS.values()} == set(SUBJECTS)


def test_a_claim_of_the_registry_and_a_wrong_one():
    right = replace(CLAIMS["laws/tracy-widom"], quick=((60, 300), (120, 200)), tolerance=0.02)
    verdicts = validate([right, wrong_by(1.05, right)], quick=True, workers=1).verdicts
    assert verdicts == {"laws/tracy-widom": "holds", "laws/tracy-widom-wrong": "fails"}


@pytest.fixture(scope="module")
def simulated_once():
    """The simulations of the short run, each made once: right and wrong formulas are laid beside the same ones."""
    outcomes = run._simulate(tuple(CLAIMS.values()), True, as_seed_sequence(0), None)

    def simulated(claims, quick, sequence, workers):
        assert quick
        assert sequence.entropy == 0
        return outcomes

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_simulate", simulated)
        yield


@pytest.mark.slow
def test_every_verdict_of_the_short_run_is_as_expected(simulated_once):
    """What `spikes validate --quick` finds."""
    certificate = validate(quick=True)
    assert set(certificate.verdicts) == set(CLAIMS)
    assert {r.claim.name: r.verdict for r in certificate.results if not r.as_expected} == {}


@pytest.mark.slow
@pytest.mark.parametrize("subjects", [SIMULATED, ("giant", "local")])
def test_formulas_wrong_by_five_per_cent_fail(simulated_once, subjects):
    mistaken = sharp(*subjects)
    assert len(mistaken) >= 10
    verdicts = validate([wrong_by(1.05, c) for c in mistaken], quick=True).verdicts
    assert {name: v for name, v in verdicts.items() if v != "fails"} == {}


@pytest.mark.slow
def test_tables_with_one_wrong_entry_fail(simulated_once):
    wrong = [w for c in CLAIMS.values() if c.kind == "table" for w in wrong_entries(c)]
    verdicts = validate(wrong, quick=True).verdicts
    assert {name: v for name, v in verdicts.items() if v != "fails"} == {}
