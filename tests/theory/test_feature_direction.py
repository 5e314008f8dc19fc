"""The feature-improvement direction and the parts of the residual, against samples, identities and convexity."""

from functools import lru_cache

import numpy as np
import pytest

from theory.local_analysis import improvement, minimize_measure, mismatch, population_loss, residual_parts
from theory.statement.teacher import TEACHERS, Teacher

PAIR = TEACHERS["G"].embedded(4)


@lru_cache(maxsize=8)
def least_at(name, decay):
    return minimize_measure(TEACHERS[name], decay)


def _balanced(teacher, count, seed, noise):
    """Neurons about the teacher's lines, |a_i| = |w_i|."""
    rng = np.random.default_rng(seed)
    line = rng.integers(teacher.size, size=count)
    W = teacher.directions[line] + noise * rng.standard_normal((count, teacher.d))
    size = np.sqrt(np.abs(teacher.weights[line]) / count * rng.uniform(0.5, 2.0, count))
    return W / np.linalg.norm(W, axis=1, keepdims=True) * size[:, None], np.sign(teacher.weights[line]) * size


def test_mismatch_is_that_of_two_half_spaces():
    x = np.random.default_rng(0).standard_normal((200_000, 2))
    for delta in (0.2, 1.0, 1.5):
        u, w = x[:, 0], np.cos(delta) * x[:, 0] + np.sin(delta) * x[:, 1]
        values = np.where(u * w < 0.0, u**2, 0.0)
        assert np.mean(values) == pytest.approx(float(mismatch(delta)) ** 2, abs=4.0 * np.std(values) / np.sqrt(2e5))
    assert float(mismatch(0.01 - 1e-12)) == pytest.approx(float(mismatch(0.01 + 1e-12)), rel=1e-9)  # series and form
    assert float(mismatch(0.5 * np.pi)) == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("name", ["G", "A"])
def test_the_bound_holds_for_all_students(name, noise):
    teacher = TEACHERS[name]
    for decay in (1e-2, 1e-3):
        least = least_at(name, decay)
        for seed in range(4):
            W, a = _balanced(teacher, 40, seed, noise)
            for change in (1.0, 1.3):  # balanced, and not
                made = improvement(W / change, a * change, least)
                assert made.inner >= made.bound - 1e-12
                assert made.inner <= made.gradient_norm * made.length + 1e-12


def test_at_a_small_angle_the_bound_is_the_gap():
    least = minimize_measure(PAIR, 1e-2)
    W, a = _balanced(PAIR, 20, 1, 1e-6)
    made = improvement(W, 0.7 * a, least)
    # the minimiser's atoms are 5° from the teacher: what is left is √L Σ|c|κ(5°)
    assert 0.0 < made.gap < made.inner
    aligned = least.directions[[0, 1]] * np.sqrt(np.abs(least.masses))[:, None]
    made = improvement(aligned, np.sign(least.masses) * np.sqrt(np.abs(least.masses)), least)
    assert np.abs(made.direction).max() < 1e-12  # there is nowhere to go
    assert made.gap == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(ValueError, match="`a` must have the sign of each of the minimiser's atoms; none has"):
        improvement(W, np.abs(a), least)


def test_a_small_move_gains_the_inner_product():
    teacher = TEACHERS["A"]
    least = minimize_measure(teacher, 5e-3)
    W, a = _balanced(teacher, 30, 2, 0.3)
    made = improvement(W, a, least)

    def objective(t):
        moved = W + t * made.direction
        return population_loss(moved, a, teacher) + 0.5 * 5e-3 * (a @ a + np.vdot(moved, moved))

    assert (objective(-1e-5) - objective(1e-5)) / 2e-5 == pytest.approx(made.inner, rel=1e-6)


@pytest.mark.parametrize("noise", [1e-7, 0.05, 2.0])
def test_parts_of_the_residual(noise):
    teacher = Teacher.from_angles((0.0, 70.0), d=3, weights=(0.5, -0.4))
    W, a = _balanced(teacher, 9, 3, noise)
    a = np.where(np.arange(9) == 0, -a, a)
    found = residual_parts(W, a, teacher)
    assert found.loss == pytest.approx(population_loss(W, a, teacher), rel=1e-9)
    x = np.random.default_rng(4).standard_normal((200_000, 3))
    nearest = np.abs(W / np.linalg.norm(W, axis=1, keepdims=True) @ teacher.directions.T).argmax(axis=1)
    side = np.sign(np.sum(W * teacher.directions[nearest], axis=1))
    v = np.stack([((a * side)[:, None] * W)[nearest == j].sum(axis=0) for j in range(2)])
    v -= teacher.weights[:, None] * teacher.directions
    np.testing.assert_allclose(found.average, v, atol=1e-14)
    signs = np.sign(x @ teacher.directions.T)
    first = 0.5 * np.sum((x @ v.T) * signs, axis=1)
    z = x @ W.T
    second = 0.5 * (np.abs(z) - z * side * signs[:, nearest]) @ a
    for part, square in ((first, found.squares[0]), (second, found.squares[1])):
        assert np.mean(part**2) == pytest.approx(square, abs=5.0 * np.std(part**2) / np.sqrt(2e5) + 1e-12)
