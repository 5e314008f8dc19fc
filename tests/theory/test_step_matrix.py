"""The law of the step matrix against moments and simulated matrices."""

import numpy as np
import pytest
from scipy.special import erf, ndtri

from theory import Problem, step_matrix
from theory.step_matrix import (
    latent_moments,
    measure_on_grid,
    noise_law,
    scaled_noise_law,
    step_labels,
    step_law,
    step_statistics,
    step_transforms,
)

CASES = [
    Problem(n=1000, d=500, width=750),
    Problem(n=1500, n_step=3000, d=500, width=1000, target="z1 + z1*z2", noise=0.2),
    Problem(n=1200, n_step=1800, d=600, width=1200, target="0.5 + z1 + 0.5*z2 + z1*z2", noise=0.1),
    Problem(n=1000, d=500, width=750, noise=0.0),
    Problem(n=1000, d=5000, width=750, noise=0.1),
    Problem(n=10**5, d=500, width=750, noise=0.1),
    Problem(n=1000, d=500, width=750, target="sin(z)", noise=0.02),
]


@pytest.mark.parametrize("problem", CASES, ids=lambda p: f"{p.target}-{p.phi0:g}")
def test_moments(problem):
    law, step = step_law(problem), step_statistics(problem)
    second = problem.phi0 * step.label_power + step.label_mean**2
    assert law.weights.min() >= 0.0
    assert law.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert law.weights @ law.nodes == pytest.approx(step.label_mean, abs=1e-12)
    assert law.weights @ law.nodes**2 == pytest.approx(second, rel=1e-12)
    grid = measure_on_grid(step_labels(problem))
    x, nu, joint = grid.x, grid.nu, grid.joint
    # before any correction: the smoothing leaves an error O(h³), h = 0.08 widths
    np.testing.assert_allclose([nu.sum(), nu @ x, nu @ x**2], [1.0, step.label_mean, second], rtol=5e-4, atol=1e-4)
    np.testing.assert_allclose(joint.sum(axis=0), np.eye(1 + problem.teacher.k), atol=1e-4)
    np.testing.assert_allclose(law.joint_weights.sum(axis=0), np.eye(1 + problem.teacher.k), atol=1e-12)
    assert np.linalg.eigvalsh(law.joint_weights).min() > -1e-12


def test_first_joint_moment():
    # On W⋆ the mean of Ŷ is E[y zzᵀ], for y = z₁ + z₁z₂ + noise: 1 between the two directions and 0 on the diagonal.
    problem = CASES[1]
    law, step = step_law(problem), step_statistics(problem)
    mean = np.einsum("j,jab->ab", law.joint_nodes, law.joint_weights)
    e = step.overlap[0]
    # β = C₁ + √(φ₀) fluctuations; W⋆Ŷβ = E[y z zᵀ]C₁ + φ₀ E[y² z] and E[y² z₂] = 2 E[z₁² z₂²] = 2
    coupling = problem.phi0 * 2.0 + 1.0
    beta2 = coupling / step.beta_norm2**0.5
    assert mean[0, 2] == pytest.approx(beta2, rel=5e-3)
    assert mean[1, 2] == pytest.approx((1.0 - e * beta2) / (1.0 - e**2) ** 0.5, rel=5e-3)
    assert mean[2, 2] == pytest.approx(0.0, abs=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("problem", CASES[:3], ids=lambda p: p.target)
def test_transforms_of_simulated_matrices(problem):
    zeta = np.array([-1.0 + 0.4j, 0.3 + 0.3j, 1.5 + 0.3j])
    m, joint = step_transforms(problem, zeta)
    k, d, n0 = problem.teacher.k, problem.d, problem.n0
    draws = []
    for seed in range(10):
        rng = np.random.default_rng([17, seed])
        X = rng.standard_normal((n0, d))
        y = problem.teacher(X[:, :k]) + problem.noise * rng.standard_normal(n0)
        values, vectors = np.linalg.eigh((X.T * y) @ X / n0)
        beta = vectors.T @ (X.T @ y / n0)
        frame = np.column_stack([beta, vectors[:k].T])  # β and the rows of W⋆ in the eigenbasis
        resolvent = 1.0 / (values[:, None] - zeta)
        draws.append(
            np.concatenate([resolvent.mean(axis=0), np.einsum("ia,ip,ib->pab", frame, resolvent, frame).ravel()])
        )
    draws = np.array(draws)
    # back from β̂, ξ̂ to β, W⋆
    step = step_statistics(problem)
    e = step.overlap
    value, vector = np.linalg.eigh(np.eye(k) - np.outer(e, e))
    root = (vector * np.sqrt(value)) @ vector.T
    frame = np.block([[np.array([[step.beta_norm2**0.5]]), np.zeros((1, k))], [e[:, None], root]])
    theory = np.concatenate([m, (frame @ joint @ frame.T).ravel()])
    for part in (np.real, np.imag):
        mean, sem = part(draws).mean(axis=0), part(draws).std(axis=0, ddof=1) / len(draws) ** 0.5
        # 60 numbers, 10 seeds: |t| of 9 degrees of freedom passes 6.5 with odds 1e-4; 1/d is the order of what is left
        assert np.all(np.abs(mean - part(theory)) < 6.5 * sem + 1.0 / d)


def test_single_and_multi_index_statements_agree():
    one = Problem(n=1000, d=500, width=700, target="z + 0.5*He2(z)")
    two = one.replace(target="0.6*z1 + 0.8*z2 + 0.5*He2(0.6*z1 + 0.8*z2)")
    a, b = step_statistics(one), step_statistics(two)
    assert a.beta_norm2 == pytest.approx(b.beta_norm2, rel=1e-12)
    np.testing.assert_allclose(b.overlap, a.overlap[0] * np.array([0.6, 0.8]), rtol=1e-12)
    u = np.linspace(-3.0, 3.0, 7)
    for x, y in zip(latent_moments(one, u)[:2], latent_moments(two, u)[:2], strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10)
    np.testing.assert_allclose(latent_moments(two, u)[2], latent_moments(one, u)[2] * np.array([0.6, 0.8]), atol=1e-10)
    zeta = np.array([0.5 + 0.3j, -1.0 + 0.2j])
    # 60 Gauss-Hermite nodes an axis against panels, for a function with poles 0.2 from the axis
    np.testing.assert_allclose(step_transforms(one, zeta)[0], step_transforms(two, zeta)[0], rtol=1e-4)


def test_kinked_target():
    # E[abs(z) z²] = 2√(2/π): a rule that misses the kink would be off in the second digit
    problem = Problem(n=1000, d=500, width=700, target="abs(z)", noise=0.0)
    assert step_statistics(problem).label_mean == pytest.approx((2 / np.pi) ** 0.5, rel=1e-13)
    np.testing.assert_array_equal(step_statistics(problem).overlap, [0.0])


def test_refusals():
    with pytest.raises(ValueError, match="`zeta` must lie in the upper half plane; got imaginary part 0"):
        step_transforms(CASES[0], np.array([1.0]))
    with pytest.raises(ValueError, match="`target` must not vanish"):
        step_statistics(Problem(n=100, d=50, width=70, target="z1 - z1", noise=0.0))


@pytest.mark.parametrize("problem", [CASES[0], CASES[1]], ids=lambda p: p.target)
def test_the_noise_given_the_matrix(problem):
    """E[M | Ŷ] and E[M² | Ŷ] over the nodes have the totals m_y and φ₀ E y⁴ + m_y²; the law of M alone the mean m_y."""
    law, alone, step = step_law(problem), noise_law(problem), step_statistics(problem)
    first = np.sum(law.noise_nodes * law.noise_weights, axis=1)
    square = np.sum(law.noise_nodes**2 * law.noise_weights, axis=1)
    assert law.weights @ first == pytest.approx(step.label_power, rel=1e-12)
    assert alone.weights @ alone.noise_nodes[:, 0] == pytest.approx(step.label_power, rel=1e-12)
    expected = problem.phi0 * step.label_fourth + step.label_power**2
    # cells of the grid in the place of Christoffel numbers: a few per cent of the variance
    assert law.weights @ square == pytest.approx(expected, rel=0.05)
    assert alone.weights @ alone.noise_nodes[:, 0] ** 2 == pytest.approx(expected, rel=0.05)
    assert law.noise_nodes.min() >= 0.0
    np.testing.assert_allclose(law.noise_weights.sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.slow
def test_traces_of_both_matrices_in_simulation():
    """tr M^k (Ŷ − ζ)^(-1)/d, and M beside the resolvent on β and W⋆, by sampled matrices."""
    problem = CASES[1]
    zeta = np.array([0.5 + 0.5j, -1.0 + 0.6j])
    labels, step = step_labels(problem), step_statistics(problem)
    law = step_matrix._expectations(labels, 0.1 / problem.phi0, False)
    m = step_matrix._solve_transform(zeta, None, law, problem.phi0)
    _, joint_noise, given = step_matrix._joint_transform(zeta, m, law, step, problem.phi0)
    d, n0, k, draws = problem.d, problem.n0, problem.teacher.k, []
    for seed in range(6):
        rng = np.random.default_rng([23, seed])
        X = rng.standard_normal((n0, d))
        y = problem.teacher(X[:, :k]) + problem.noise * rng.standard_normal(n0)
        Y, M = (X.T * y) @ X / n0, (X.T * y**2) @ X / n0
        beta = X.T @ y / n0
        frame = np.column_stack([beta, np.eye(d)[:, :k]])
        rows = []
        for point in zeta:
            MR = M @ np.linalg.inv(Y - point * np.eye(d))
            on_frame = 0.5 * frame.T @ (MR + MR.T) @ frame
            rows.append([np.trace(MR) / d, np.trace(M @ MR) / d, *on_frame.ravel()])
        draws.append(rows)
    e = step.overlap
    value, vector = np.linalg.eigh(np.eye(k) - np.outer(e, e))
    root = (vector * np.sqrt(value)) @ vector.T
    frame = np.block([[np.array([[step.beta_norm2**0.5]]), np.zeros((1, k))], [e[:, None], root]])
    theory = np.concatenate([given[:2].T, (frame @ joint_noise @ frame.T).reshape(len(zeta), -1)], axis=1)
    for part in (np.real, np.imag):
        mean, sem = part(draws).mean(axis=0), part(draws).std(axis=0, ddof=1) / 6**0.5
        # 44 numbers of 6 seeds: |t| of 5 degrees of freedom passes 9 with odds 3e-4; 1/d of the size is left
        assert np.all(np.abs(mean - part(theory)) < 9.0 * sem + 5.0 / d * np.abs(theory))


def test_law_of_scaled_noise():
    """V = Δ + S(M/m_y)S, and M alone, by sampled matrices; M is seen from its grid's height above the axis, 0.1, on."""
    problem = Problem(n=1600, d=800, width=1000, target="z + 0.5*(z**2 - 1)", noise=0.5)
    labels, step, alone = step_labels(problem), step_statistics(problem), noise_law(problem)
    d, n0, draws = 400, 800, []
    b = ndtri((np.arange(d) + 0.5) / d)
    slope = np.sqrt(2.0 / np.pi) * np.exp(-((2.0 * b) ** 2))
    white = np.maximum(1.0 - erf(2.0 * b) ** 2 - slope**2, 0.0)

    def functions(values, weights=None, least=0.1):
        return [np.average(f, weights=weights) for f in (np.log1p(values / least), 1.0 / (least + values))]

    for seed in range(8):
        rng = np.random.default_rng([29, seed])
        z = rng.standard_normal(n0)
        y = problem.teacher(z[:, None]) + problem.noise * rng.standard_normal(n0)
        y /= np.sqrt(np.mean(y**2))  # what the heavy tail of y² does to the scale is not asked
        X = rng.standard_normal((n0, d)) * y[:, None]
        V = np.diag(white) + (X * slope).T @ (X * slope) / n0
        M = X.T @ X / n0
        draws.append([*functions(np.abs(np.linalg.eigvalsh(V))), *functions(np.abs(np.linalg.eigvalsh(M)), least=1.0)])
    levels = 40
    groups = np.array_split(np.argsort(np.abs(b)), levels)
    nodes, weights = scaled_noise_law(
        labels,
        tuple(float(white[group].mean()) for group in groups),
        tuple(float(slope[group].mean()) for group in groups),
        (1.0 / levels,) * levels,
    )
    plain = alone.noise_nodes[:, 0] / step.label_power
    law = np.array(functions(nodes, weights) + functions(plain, alone.weights, least=1.0))
    mean, sem = np.mean(draws, axis=0), np.std(draws, axis=0, ddof=1) / 8**0.5
    # and 1/d of the size
    assert np.all(np.abs(mean - law) < 4.0 * sem + 2.0 / d * law)


def test_the_null_space_of_the_noise():
    """For n₀ < d the law of M has an atom at zero of mass 1 − n₀/d, and less is smeared over what is next to it."""
    problem = Problem(n=1000, n_step=100, d=1000, width=750, target="z", noise=0.5)
    law = noise_law(problem)
    assert law.weights[law.noise_nodes[:, 0] == 0.0] == pytest.approx([0.9], rel=1e-3)  # summed on the grid
    assert law.weights @ law.noise_nodes[:, 0] == pytest.approx(step_statistics(problem).label_power, rel=1e-9)
    draws = []
    for seed in range(6):
        rng = np.random.default_rng([31, seed])
        z = rng.standard_normal(100)
        X = rng.standard_normal((100, 1000)) * (z + 0.5 * rng.standard_normal(100))[:, None]
        values = np.linalg.eigvalsh(X @ X.T / 100)
        draws.append([np.sum(np.log1p(values)) / 1000, np.sum(np.sqrt(values)) / 1000])
    nodes = law.noise_nodes[:, 0]
    expected = law.weights @ np.column_stack([np.log1p(nodes), np.sqrt(nodes)])
    mean, sem = np.mean(draws, axis=0), np.std(draws, axis=0, ddof=1) / 6**0.5
    assert np.all(np.abs(mean - expected) < 4.0 * sem + 2.0 / 100 * expected)
