"""Verdicts on claims whose truth is known: the arithmetic, the judgement, its calibration and its power."""

import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from spikes.validation import Claim, Measured, claim, validate
from spikes.validation.certificate import Quantity
from spikes.validation.extrapolation import (
    Difference,
    difference,
    finite_size_exponent,
    fitted_limit,
    limit,
    linear_limit,
    pooled,
)
from spikes.validation.statement import DIFFERS, VERDICTS
from spikes.validation.verdict import number_verdict

STREAM = "tests.simulation.test_validation"  # one draw of each case: a verdict near a boundary hangs on it
SIZES = ((100, 40), (200, 40), (400, 40))


def _noisy(size, sequence):
    """A number that tends to 2 with a correction 30/size, two per cent of noise and a control that explains most."""
    shared, own = np.random.default_rng(sequence).standard_normal(2)
    return {"value": 2.0 + 30.0 / size + 0.04 * shared + 0.01 * own, "control": 1.0 + shared}


def _value(found):
    return found["value"]


def _controlled(found):
    return Measured(found["value"], {"shared": (found["control"], 1.0)})


def _made(name="tends", truth=2.0, **fields):
    stated = {"measure": _controlled, "levels": SIZES, "rate": 1.0, "tolerance": 0.02} | fields
    return Claim(
        name=name,
        statement="It tends to 2.",
        source="this test",
        problem=int,
        predict=lambda size: truth,
        experiment=_noisy,
        **stated,
    )


def _one(c, **options):
    return validate([c], workers=1, **options).results[0]


def test_a_difference_is_a_mean_with_students_error():
    values = np.array([0.1, 0.3, 0.2, 0.6])
    d = difference(10, values)
    assert (d.value, d.dof, d.gain) == (pytest.approx(0.3), 3.0, 1.0)
    assert d.sem == pytest.approx(values.std(ddof=1) / 2.0)
    assert d.p == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue)


def test_controls_take_out_what_they_share():
    rng = np.random.default_rng(0)
    shared, own = rng.standard_normal((2, 200))
    controls, expected = np.column_stack([shared + 5.0, rng.standard_normal(200)]), np.array([5.0, 0.0])
    d = difference(1, 3.0 + shared + 0.1 * own, controls, expected)
    # the variance of the mean falls from 1.01 to 0.01, but for the regression's own error of order 1/200
    assert d.gain == pytest.approx(101.0, rel=0.3)
    assert d.value == pytest.approx(3.0, abs=4 * 0.1 / math.sqrt(200))
    assert d.dof == 197
    # too few seeds for a regression: the plain mean
    assert difference(1, values := shared[:6], controls[:6], expected).value == values.mean()


def test_one_seed_and_infinite_values_are_refused():
    with pytest.raises(ValueError, match="`seeds` must be at least 2 for a standard error; got 1"):
        difference(10, np.array([1.0]))
    with pytest.raises(ValueError, match="`measured` must be finite; got nan at size 10"):
        difference(10, np.array([1.0, math.nan]))


def test_extrapolation_is_exact_on_its_own_model():
    rng = np.random.default_rng(1)
    noise = 1e-3 * rng.standard_normal((3, 50))
    made = [difference(n, 0.5 - 7.0 * n**-0.5 + e - e.mean()) for n, e in zip((100, 400, 1600), noise, strict=True)]
    end = linear_limit(made, 0.5)
    assert end.value == pytest.approx(0.5, abs=1e-12)
    assert end.slope == pytest.approx(-7.0, abs=1e-9)
    assert end.chi2 == pytest.approx(0.0, abs=1e-12)


def test_the_limit_covers_the_truth_as_often_as_it_says():
    # 400 intervals at 90 %: the number that miss is binomial, and within four of its standard deviations of 40
    rng = np.random.default_rng(2)
    misses = 0
    for _ in range(400):
        made = [difference(n, 3.0 / n + 0.1 * rng.standard_normal(8)) for n in (10, 20, 40)]
        low, high = linear_limit(made, 1.0).interval(0.1)
        misses += not low <= 0.0 <= high
    # the widening where the fit is poor makes intervals a little longer than they need to be: fewer misses, not more
    assert misses < 40 + 4 * math.sqrt(400 * 0.1 * 0.9)
    assert misses > 8


def test_pooling_weighs_by_the_errors():
    rng = np.random.default_rng(3)
    made = [difference(1, rng.standard_normal(100)), difference(2, 0.01 * rng.standard_normal(100))]
    assert pooled(made).sem < 0.0011 * 1.5


def test_finite_size_exponent():
    rng = np.random.default_rng(4)
    made = [difference(n, 5.0 * n**-1.5 * (1.0 + 0.01 * rng.standard_normal(50))) for n in (10, 40, 160)]
    slope, sem = finite_size_exponent(made)
    assert abs(slope + 1.5) < 4 * sem < 0.01
    assert finite_size_exponent([difference(n, rng.standard_normal(50)) for n in (10, 40)]) is None


def test_verdicts_on_numbers():
    assert _one(_made()).verdict == "holds as n → ∞"
    assert _one(_made(truth=2.1)).verdict == "fails"  # five per cent
    assert _one(_made(rate=None)).verdict == "fails"  # it is not 2 at every size
    exact = Claim(
        name="exact",
        statement="2 + 30/size at every size.",
        source="this test",
        levels=SIZES,
        problem=int,
        predict=lambda size: 2.0 + 30.0 / size,
        experiment=_noisy,
        measure=_controlled,
        rate=None,
    )
    assert _one(exact).verdict == "holds"
    # without the control the interval is wider than the tolerance
    assert _one(replace(exact, measure=_value, tolerance=0.01)).verdict == "unresolved"
    found = _one(_made()).quantities[0]
    assert found.exponent[0] == pytest.approx(-1.0, abs=0.1)
    assert found.differences[0].gain > 5.0


LEVEL = 0.01


def _differences(values, sem=0.01, sizes=(100, 200, 400)):
    return [Difference(n, v, sem, 1e6, 50, 1.0) for n, v in zip(sizes, values, strict=True)]


# Standard errors of 0.01 with many degrees of freedom: an interval at 1 % is ± 0.0258 at one size, ± 0.0149 of three.
@pytest.mark.parametrize(
    ("values", "fields", "verdict"),
    [
        ((0.0, 0.0, 0.0), {}, "holds"),
        ((0.005, -0.005, 0.005), {}, "holds"),
        ((0.0, 0.0, 0.0), {"tolerance": 0.012}, "unresolved"),
        ((0.02, 0.02, 0.02), {"rate": None}, DIFFERS),
        ((0.2, 0.1, 0.05), {"tolerance": 0.08}, "holds as n → ∞"),
        # the interval of the limit is wider than the tolerance
        ((0.2, 0.1, 0.05), {"tolerance": 0.03}, "unresolved"),
        # a limit of its own beside what closes: within the tolerance, and not
        ((0.26, 0.16, 0.11), {"tolerance": 0.15}, DIFFERS),
        ((0.26, 0.16, 0.11), {"tolerance": 0.05}, "fails"),
        # the same at every size
        ((0.06, 0.06, 0.06), {"tolerance": 0.15}, DIFFERS),
        ((0.06, 0.06, 0.06), {"tolerance": 0.05}, "fails"),
        # claimed at every size, and not so at one
        ((0.06, 0.0, 0.0), {"rate": None, "tolerance": 0.1}, DIFFERS),
        ((0.06, 0.06, 0.06), {"rate": None, "tolerance": 0.05}, "fails"),
        # a difference that grows does not vanish, whatever the fit says
        ((0.04, 0.07, 0.12), {"rate": 0.1, "tolerance": 2.0}, DIFFERS),
        # one size shows no limit
        ((0.08,), {"tolerance": 0.25}, DIFFERS),
        ((0.08,), {"tolerance": 0.08}, "fails"),
        ((0.0,), {"tolerance": 0.25}, "holds"),
    ],
)
def test_the_rule_at_its_boundaries(values, fields, verdict):
    c = _made(**({"tolerance": 0.05} | fields))
    found = _differences(values, sizes=(100, 200, 400)[: len(values)])
    assert number_verdict(c, found, limit(found, c.rate, LEVEL), LEVEL) == verdict


def contradictions(c, q, level):
    """What a verdict says that the numbers beside it do not: the rule read the other way, number by number."""
    z = [d.value / d.sem for d in q.differences]
    p = [2.0 * stats.t.sf(abs(x), d.dof) for x, d in zip(z, q.differences, strict=True)]
    sizes_differ = min(p) * len(p) < level
    low, high = q.interval
    found = []
    if q.verdict == "holds" and (sizes_differ or not low <= 0.0 <= high or max(-low, high) > c.tolerance):
        found.append("holds")
    if q.verdict == "holds as n → ∞":
        slope = finite_size_exponent(q.differences)
        grows = slope is not None and slope[0] - stats.norm.isf(0.5 * level) * slope[1] >= 0.0
        if not sizes_differ or not low <= 0.0 <= high or max(-low, high) > c.tolerance or grows or len(p) == 1:
            found.append("limit")
    if q.verdict == DIFFERS and (max(-low, high) > c.tolerance or not (sizes_differ or low > 0.0 or high < 0.0)):
        found.append("differs")
    if q.verdict in ("fails", "unresolved") and -c.tolerance <= low <= 0.0 <= high <= c.tolerance and not sizes_differ:
        found.append(q.verdict)
    return found


def test_no_verdict_is_contradicted_by_its_numbers():
    rng = np.random.default_rng(5)
    seen = set()
    for _ in range(400):
        count = int(rng.integers(1, 4))
        sizes = tuple((50 * 2**i, 12) for i in range(count))
        truth, slope, noise = rng.choice([0.0, 0.03, 0.1], 3) * rng.choice([1.0, 0.2], 3)
        c = _made(
            levels=sizes,
            rate=rng.choice([None, 0.5, 1.0]),
            tolerance=float(rng.choice([0.02, 0.05])),
            measure=float,
        )
        draws = {n: rng.standard_normal(12) for n, _ in sizes}
        found = [difference(n, truth + 50 * slope / n + (noise + 0.01) * draws[n]) for n, _ in sizes]
        end = limit(found, c.rate, LEVEL)
        verdict = number_verdict(c, found, end, LEVEL)
        q = Quantity("", (), (), tuple(found), end, end.interval(LEVEL), None, (), verdict)
        assert contradictions(c, q, LEVEL) == []
        seen.add(verdict)
    assert seen == set(VERDICTS)


def test_the_committed_certificate_does_not_contradict_itself():
    kept = json.loads((Path(__file__).parents[2] / "docs/examples/certificate.json").read_text())
    seen = set()
    for name, found in kept["simulation"]["claims"].items():
        tolerance = kept["theory"][name]["tolerance"]
        for q in found["quantities"]:
            if "interval" not in q:
                continue
            (low, high), verdict = q["interval"], q["verdict"]
            within, around = max(-low, high) <= tolerance, low <= 0.0 <= high
            if q["deterministic"]:
                assert q["z"] is None
                assert verdict == ("holds" if max(map(abs, q["difference"])) <= tolerance else "holds as n → ∞")
            elif verdict.startswith("holds"):
                assert within, name
                assert around, name
            elif verdict == DIFFERS:
                assert within, name
            else:
                assert not (within and around), name
            seen.add(verdict)
    assert {"holds", "holds as n → ∞", DIFFERS, "fails"} <= seen


def test_a_rate_that_the_differences_contradict_is_fitted():
    slow = _differences([n**-0.5 for n in (100, 400, 1600, 6400)], sem=1e-4, sizes=(100, 400, 1600, 6400))
    assumed = linear_limit(slow, 1.0)
    assert abs(assumed.value) > 0.01
    end = limit(slow, 1.0, LEVEL)
    assert end.rate_fitted
    assert end.rate == pytest.approx(0.5, abs=0.02)
    low, high = end.interval(LEVEL)
    assert low < 0.0 < high < 0.005
    # a right rate is kept
    assert not limit(slow, 0.5, LEVEL).rate_fitted
    # the interval covers what other exponents would say
    assert end.sem > fitted_limit(slow, 0.5).sem


def test_verdicts_on_tables_and_bounds():
    def bit(share, size=100):
        def experiment(_, sequence):
            return {"entry": float(np.random.default_rng(sequence).random() < share)}

        return replace(_made(kind="table", measure=lambda x: x), experiment=experiment, levels=((size, 40),))

    one, zero = (lambda size: {"entry": 1.0}), (lambda size: {"entry": 0.0})
    assert _one(replace(bit(1.0), predict=one)).verdict == "holds"
    assert _one(replace(bit(1.0), predict=zero)).verdict == "fails"
    assert _one(replace(bit(0.63), predict=one)).verdict == "unresolved"
    assert _one(replace(bit(0.2), predict=one)).verdict == "fails"
    bound = replace(_made(kind="bound", measure=_value), predict=lambda size: 1.5)
    assert _one(bound).verdict == "holds"
    assert _one(replace(bound, predict=lambda size: 2.3)).verdict == "fails"


def test_numbers_without_noise_have_the_tolerance():
    still = replace(_made(), experiment=lambda size, sequence: 2.0 + 1.0 / size, measure=lambda x: x)
    assert _one(replace(still, tolerance=0.01)).verdict == "holds"
    assert _one(replace(still, tolerance=0.001)).verdict == "holds as n → ∞"
    assert _one(replace(still, predict=lambda size: 2.1)).verdict == "fails"


@pytest.mark.slow
def test_one_seed_gives_one_answer_whatever_runs_beside_it():
    alone = validate([_made()], workers=1, seed=3)
    beside = validate([_made("other", truth=1.0), _made()], workers=2, seed=3)
    first, second = (json.dumps(c["tends"].quantities[0].to_dict()["difference"]) for c in (alone, beside))
    assert first == second
    # more tests in a run, wider intervals
    assert np.ptp(beside["tends"].quantities[0].interval) > np.ptp(alone["tends"].quantities[0].interval)


def _partly(shift, size, sequence):
    return shift + float(np.random.default_rng(sequence).standard_normal())


def test_partial_functions_have_random_numbers_of_their_own():
    # equal partials made twice name one stream, whatever their address; another argument names another
    found = [
        validate([replace(_made(), experiment=partial(_partly, shift), measure=float)], workers=1).results[0]
        for shift in (0.0, 0.0, 1.0)
    ]
    first, again, other = (r.quantities[0].simulated[0].mean for r in found)
    assert first == again
    assert other - 1.0 != first


def test_contract():
    content = json.loads(json.dumps(validate([_made()], workers=1).to_dict(), allow_nan=False))
    assert list(content) == ["schema", "problem", "theory", "simulation", "agreement"]
    assert [entry["size"] for entry in content["problem"]["tends"]] == [100, 200, 400]
    assert content["simulation"]["claims"]["tends"]["verdict"] == "holds as n → ∞"
    line = content["agreement"][-1]
    assert line["quantity"] == "tends [400]"
    assert line["z"] == pytest.approx((line["simulation"] - line["theory"]) / line["sem"])


def test_paired_predictions_are_of_their_own_outcome():
    paired = replace(_made(paired=True, rate=None, measure=_value), predict=lambda size, found: found["value"] + 0.001)
    result = _one(paired)
    # the noise is in both and cancels
    assert result.quantities[0].differences[0].sem < 1e-12


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "a b"}, "`name` must be letters, digits, -, _, . and /; got 'a b'"),
        ({"kind": "guess"}, "`kind` must be one of number, table, bound; got 'guess'"),
        ({"rate": 0.0}, "`rate` must be positive, or None; got 0.0"),
        ({"tolerance": -1.0}, "`tolerance` must be positive; got -1.0"),
        ({"scale": 0.0}, "`scale` must be positive, or None; got 0.0"),
        ({"expected": "true"}, "`expected` must be one of holds"),
        ({"levels": ((20, 2), (10, 2))}, r"`levels` must be \(size, seeds\) pairs of increasing sizes"),
        ({"levels": ((20, 1),)}, "`levels` must have at least 2 seeds at every size"),
        ({"statement": " "}, "`statement` must say what is claimed"),
    ],
)
def test_claims_that_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        replace(_made(), **fields)


def test_measurements_that_do_not_match():
    with pytest.raises(ValueError, match=r"`measure` of claim tends must name what its prediction names, \['x'\]"):
        validate([replace(_made(), predict=lambda size: {"x": 1.0})], workers=1)
    with pytest.raises(ValueError, match="`scale` of claim tends must be given: its prediction is 0 at size 100"):
        validate([_made(truth=0.0)], workers=1)
    with pytest.raises(ValueError, match="`claims` must be at least one, each of its own name"):
        validate([_made(), _made()], workers=1)
    with pytest.raises(ValueError, match="`predict` must be a function of a problem; got None"):
        claim(sizes=(10, 20))


def test_the_decorator_makes_a_claim_of_a_measurement():
    @claim(lambda size: 1.0, sizes=(100, 400), seeds=30, rate=None, tolerance=0.1)
    def second_moment(size, sequence):
        """The second moment of a standard normal variable
        is 1."""
        return float(np.mean(np.random.default_rng(sequence).standard_normal(size) ** 2))

    assert second_moment.statement == "The second moment of a standard normal variable is 1."
    certificate = validate([second_moment], workers=1)
    assert certificate.verdicts == {"second_moment": "holds"}
    assert certificate.as_expected
    wrong = second_moment.with_prediction(lambda size: 4.0 / 3.0)
    assert validate([wrong], workers=1).verdicts == {"second_moment": "fails"}
