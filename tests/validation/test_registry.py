"""The registry of claims: that each says what it is, holds as expected, and that a wrong formula does not pass."""

from dataclasses import replace
from functools import partial

import pytest

import theory.step_labels
import theory.step_matrix
from spikes.simulation.seeds import as_seed_sequence
from spikes.validation import registry, run, validate
from theory.conditional_equivalent import features
from theory.conditional_equivalent.resolution import resolve
from theory.giant_steps import one_step

CLAIMS = registry()
SUBJECTS = ("conditional", "terms", "optimizers", "nonlinear", "laws", "giant", "local")
SIMULATED = ("conditional", "optimizers", "nonlinear", "laws")

# Claims too blunt in a short run for an error of five per cent, as their tolerances say.
BLUNT = (
    "optimizers/sign-second",
    "optimizers/spectral-noise",
    "conditional/edges",
    "conditional/alignments",
    "terms/overlap-of-a-neuron",
    "giant/one-step-spread",
    "giant/one-step-seeds",
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


DROPPED = {
    "terms/noise-odd": {"noise": False},
    "terms/noise-even": {"noise": False},
    "terms/amplified-directions": {"amplified": False},
    "terms/norm-of-a-sample": {"norms": 1},
    "terms/degrees": {"degree": 1},
    "terms/norms-of-neurons": {"norms": 1},
    "terms/overlap-of-a-neuron": {"overlaps": 0},
}
"""What the law is without the term that a claim is about."""


def without_start(claim, monkeypatch):
    """The claim with labels of the step as if the network started at f = 0."""
    stated = theory.step_labels.step_labels

    def predict(problem):
        # another noise by rounding: nothing that was computed with the start is taken up again
        other = problem.replace(noise=problem.noise * (1.0 + 1e-12))
        with monkeypatch.context() as patched:
            for module in (theory.step_labels, theory.step_matrix, features):
                patched.setattr(module, "step_labels", lambda p: replace(stated(p), start=0.0))
            return claim.predict(other)

    return replace(claim, name=f"{claim.name}-without", predict=predict)


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
@pytest.mark.parametrize("subjects", [SIMULATED, ("terms", "giant", "local")])
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


@pytest.mark.parametrize("name", DROPPED)
def test_the_law_has_the_term_that_a_claim_is_about(name):
    problem = CLAIMS[name].problem(CLAIMS[name].at(True)[-1][0])
    terms = resolve(problem, 2).terms
    for term, left_out in DROPPED[name].items():
        assert getattr(terms, term) != left_out


@pytest.mark.slow
def test_the_law_without_a_term_fails_its_claim(simulated_once, monkeypatch):
    without = [
        replace(CLAIMS[name], name=f"{name}-without", predict=partial(CLAIMS[name].predict, **other))
        for name, other in DROPPED.items()
    ]
    without.append(without_start(CLAIMS["terms/start"], monkeypatch))
    # a covariance without its spikes is another problem, which no term stands for
    assert len(without) == len([c for c in CLAIMS.values() if subject(c) == "terms"]) - 1
    verdicts = validate(without, quick=True).verdicts
    assert {name: v for name, v in verdicts.items() if v != "fails"} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["giant/one-step-spread-mean-label", "giant/one-step-seeds"])
def test_cosines_without_their_mean_label_fail(simulated_once, monkeypatch, name):
    """B = ⟨h, w⟩ left out of the covariance of (S, T, B)."""
    whole = one_step._joint_covariance

    def without(S, T, B, ST, SB, TB):
        return whole(S, T, 0.0 * B, ST, 0.0 * SB, 0.0 * TB)

    monkeypatch.setattr(one_step, "_joint_covariance", without)
    assert validate([CLAIMS[name]], quick=True).verdicts == {name: "fails"}
