"""Closed forms, certificates and the measure problem against reference digits, quadrature and identities."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from theory.local_analysis.dual_certificate import certificate, spread_bound
from theory.local_analysis.early_stages import (
    first_stage,
    first_stage_leading,
    first_stage_power,
    first_stage_tangent,
    second_stage,
)
from theory.local_analysis.measure import (
    largest_decay,
    minimize_measure,
    minimize_path,
    optimality_gap,
    small_decay,
)
from theory.local_analysis.population import (
    optimal_linear_part,
    population_gradient,
    population_loss,
    regularized_loss,
    signal_power,
)
from theory.local_analysis.sphere import smallest_on_tangents
from theory.local_analysis.zonal_kernel import gram, kernel, kernel_coefficient, kernel_hessian, kernel_slope
from theory.quadrature import gauss_hermite
from theory.statement.teacher import TEACHERS, Teacher, as_teacher, line_angles

REFERENCE = json.loads((Path(__file__).parent / "references" / "local_analysis.json").read_text())
CLOSED, SOLVED = 1e-10, 1e-8  # closed forms and solved problems; both are far above rounding
A, G, ORTH4, CLOSE = (TEACHERS[name] for name in ("A", "G", "orth4", "r3m5-close"))


def in_plane(degrees):
    radians = np.radians(np.atleast_1d(degrees))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def students(teacher, count=6, seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, teacher.d)), rng.standard_normal(count)


# Reference digits -----------------------------------------------------------------------------------------------------


def test_kernel_digits():
    digits = REFERENCE["kernel"]
    for name, rho in (("k(0.5)", 0.5), ("k(-0.5)", -0.5), ("k(1)", 1.0), ("k(1/sqrt2)", math.sqrt(0.5))):
        assert float(kernel(rho)) == pytest.approx(digits[name], abs=CLOSED)
    assert float(kernel_slope(0.5)) == pytest.approx(digits["k'(0.5)=1/12"], abs=CLOSED)
    for degree, name in ((2, "sigma2^2=1/(4pi)"), (4, "sigma4^2=1/(48pi)"), (6, "sigma6^2=1/(160pi)")):
        assert kernel_coefficient(degree) == pytest.approx(digits[name], abs=CLOSED)


def test_population_digits():
    p = REFERENCE["pop"]
    teacher, W, a = Teacher(p["Wstar"], p["astar"]), np.array(p["W"]), np.array(p["a"])
    gW, ga = population_gradient(W, a, teacher, p["lam"])
    assert population_loss(W, a, teacher) == pytest.approx(p["L"], abs=CLOSED)
    assert regularized_loss(W, a, teacher, p["lam"]) == pytest.approx(p["L_lam"], abs=CLOSED)
    assert gW == pytest.approx(np.array(p["gW"]), abs=CLOSED)
    assert ga == pytest.approx(np.array(p["ga"]), abs=CLOSED)


def test_early_stage_digits():
    p = REFERENCE["stage1"]
    teacher = Teacher(p["Wstar"], p["astar"])
    start = (np.array(p["w0"]), np.array([p["a0"]]))
    assert first_stage(*start, teacher, step=p["eta0"]) == pytest.approx(np.array(p["w1"]), abs=CLOSED)
    unit = start[0]
    leading = first_stage_leading(*start, teacher)
    H = 0.5 * np.diag([1.0, 1.0, 0.0])
    assert leading == pytest.approx((unit @ H - 0.5 * (unit @ H @ unit.T) * unit) / math.pi, abs=CLOSED)
    p = REFERENCE["stage2"]
    fitted = second_stage(np.array(p["W"]), Teacher(p["Wstar"], p["astar"]), ridge=p["lam2"])
    assert fitted == pytest.approx(np.array(p["a"]), abs=CLOSED)


def test_certificate_digits():
    p = REFERENCE["certificate_G"]
    found = certificate(Teacher(in_plane([0, 60]), p["astar"]))
    assert found.alpha == pytest.approx(np.array(p["alpha"]), abs=CLOSED)
    assert np.linalg.norm(found.beta, axis=1) == pytest.approx(np.array(p["beta_norm"]), abs=CLOSED)
    assert found.norm2 == pytest.approx(p["p2"], abs=CLOSED)
    for degrees in (15, 30, 90, 105):
        assert found.eta(in_plane(degrees))[0] == pytest.approx(p[f"eta({degrees}deg)"], abs=CLOSED)
    p = REFERENCE["degree8_G"]
    found = certificate(G, "degree", degree=8)
    assert found.norm2 == pytest.approx(p["p2"], rel=CLOSED)
    assert found.alpha == pytest.approx(np.array(p["alpha"]), abs=CLOSED)
    assert certificate(Teacher(in_plane([0, 60]), [1, -1]), "degree").eta(in_plane(15))[0] == pytest.approx(
        p["eta(15deg)"], abs=CLOSED
    )
    p = REFERENCE["orth"]
    found = certificate(Teacher.orthogonal(2, d=2))
    assert found.norm2 == pytest.approx(2 * p["p2_per_teacher=1/k(1)"], abs=CLOSED)
    assert found.eta(in_plane(45))[0] == pytest.approx(p["eta_mid_45deg=2k(1/sqrt2)/k(1)"], abs=CLOSED)
    assert found.rho_span == pytest.approx(p["rho_hat_m2=(1-eta_mid)/(pi/4)^2"], abs=SOLVED)
    assert signal_power(ORTH4) == pytest.approx(p["E_fstar2(m*=4,a=1/4)"], abs=CLOSED)


@pytest.mark.parametrize(("name", "decay"), [("mu_lambda_G_0.01", 0.01), ("mu_lambda_G_0.001", 0.001)])
def test_measure_digits(name, decay):
    p = REFERENCE[name]
    found = minimize_measure(G, decay)
    assert found.masses == pytest.approx(np.array(p["c"]), abs=SOLVED)
    assert np.degrees(found.turns()) == pytest.approx(p["delta_deg"], abs=100 * SOLVED)  # degrees
    assert found.value == pytest.approx(p["value"], abs=SOLVED)
    assert found.loss == pytest.approx(p["L"], abs=SOLVED)


def test_more_measure_digits():
    p = REFERENCE["A"]
    assert signal_power(A) == pytest.approx(p["E_fstar2"], abs=CLOSED)
    least = certificate(A)
    assert least.norm2 == pytest.approx(p["p2"], abs=CLOSED)
    assert least.alpha == pytest.approx(np.array(p["alpha"]), abs=CLOSED)
    p = p["mu_lambda(1e-3)"]
    found = minimize_measure(A, 1e-3)
    assert found.masses == pytest.approx(np.array(p["c"]), abs=SOLVED)
    assert found.value == pytest.approx(p["value"], abs=SOLVED)
    assert line_angles(found.directions[:, :2], in_plane(p["deg"])).diagonal() == pytest.approx(0.0, abs=SOLVED)
    p = REFERENCE["single"]
    single = Teacher.orthogonal(1, d=5)
    found = minimize_measure(single, p["lam"])
    assert found.masses == pytest.approx(np.array([p["c"]]), abs=SOLVED)
    assert found.value == pytest.approx(p["value"], abs=SOLVED)
    assert largest_decay(single) == pytest.approx(p["lam_max=2k(1)"], abs=SOLVED)
    found = minimize_measure(ORTH4, 1e-3)
    assert found.loss / found.decay**2 == pytest.approx(REFERENCE["orth"]["L_opt/lam^2(m*=4)"], rel=SOLVED)


# Identities -----------------------------------------------------------------------------------------------------------


def test_kernel_is_the_covariance_and_the_series():
    rho = np.array([-0.9, -0.3, 0.2, 0.7])
    series = sum(kernel_coefficient(ell) * rho**ell for ell in range(2, 200, 2))
    assert kernel(rho) == pytest.approx(series, abs=1e-11)  # the rest of the series at 0.9 is below 1e-12
    # E |x||y|/4 by conditioning, x = z, y = ρz + √(1−ρ²)u, with E|·| of a shifted normal in closed form
    z, weight = gauss_hermite(400)
    for r, value in zip(rho, kernel(rho), strict=True):
        s, mean = math.sqrt(1 - r * r), r * z
        folded = s * math.sqrt(2 / math.pi) * np.exp(-0.5 * (mean / s) ** 2)
        folded += mean * np.array([math.erf(x / s / math.sqrt(2)) for x in mean])
        # the kink of |z| at a node's spacing: quadrature errs by its square
        assert weight @ (np.abs(z) * folded) / 4 - 1 / (2 * math.pi) == pytest.approx(value, abs=2e-3)


def test_gradient_is_the_derivative_of_the_loss():
    teacher, decay = TEACHERS["r3m5"], 0.05
    W, a = students(teacher)
    gW, ga = population_gradient(W, a, teacher, decay)
    dW, da = students(teacher, seed=2)
    step = 1e-6
    up, down = (regularized_loss(W + s * dW, a + s * da, teacher, decay) for s in (step, -step))
    # central differences: step² times third derivatives, and rounding over step
    assert (up - down) / (2 * step) == pytest.approx(np.vdot(gW, dW) + ga @ da, rel=1e-8)


def test_hessian_is_the_derivative_of_the_gradient():
    rng = np.random.default_rng(0)
    w, v, x = rng.standard_normal((3, 4))
    ww, wv = kernel_hessian(w, v)
    step = 1e-6

    def slope(w, v):
        parts = [(gram((w + step * e)[None], v[None]) - gram((w - step * e)[None], v[None]))[0, 0] for e in np.eye(4)]
        return np.array(parts) / (2 * step)

    wide = 1e-3
    assert ww @ x == pytest.approx((slope(w + wide * x, v) - slope(w - wide * x, v)) / (2 * wide), abs=1e-5)
    assert wv @ x == pytest.approx((slope(w, v + wide * x) - slope(w, v - wide * x)) / (2 * wide), abs=1e-5)
    # at v = w, where t has no limit but S t tᵀ has
    at_one, _ = kernel_hessian(w, w)
    unit = w / np.linalg.norm(w)
    assert at_one == pytest.approx((np.outer(unit, unit) - np.eye(4)) / (2 * math.pi), abs=1e-8)


def test_linear_part_is_optimal():
    teacher = A
    W, a = students(teacher)
    alpha, beta = optimal_linear_part(W, a, teacher)
    rng = np.random.default_rng(3)
    X = rng.standard_normal((400_000, teacher.d))
    f = np.maximum(X @ W.T, 0.0) @ a + alpha + X @ beta - np.maximum(X @ teacher.directions.T, 0.0) @ teacher.weights
    error = f**2
    assert abs(error.mean() - population_loss(W, a, teacher)) < 4.5 * error.std() / math.sqrt(len(X))
    # the residual is uncorrelated with 1 and x
    for values in (f, *(f[:, None] * X).T):
        assert abs(values.mean()) < 4.5 * values.std() / math.sqrt(len(X))


def test_first_step_is_the_gradient_at_zero():
    teacher = TEACHERS["r3m5"]
    W, _ = students(teacher)
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    signs = np.where(np.arange(len(W)) % 2, 1.0, -1.0)
    tiny = 1e-7
    # with outer weights ε the residual is that of the student zero and the gradient ε times the step
    gW, _ = population_gradient(W, tiny * signs, teacher)
    assert first_stage(W, signs, teacher) == pytest.approx(-gW / tiny, abs=1e-5)


@pytest.mark.parametrize("teacher", [Teacher.orthogonal(4, d=40), A, Teacher.from_angles([30], d=5)])
def test_power_of_the_first_step(teacher):
    rng = np.random.default_rng(4)
    step = first_stage(rng.standard_normal((200_000, teacher.d)), np.ones(200_000), teacher)
    inside = np.sum((step @ teacher.basis.T) ** 2, axis=1)
    outside = np.sum(step**2, axis=1) - inside
    for measured, exact in zip((inside, outside), first_stage_power(teacher), strict=True):
        assert abs(measured.mean() - exact) < 4.5 * measured.std() / math.sqrt(len(measured))


def test_first_step_in_high_dimension():
    # the leading form's error falls as 1/d in relative terms, and with it that of the tangent
    errors = []
    for d in (20, 80, 320):
        teacher = Teacher.orthogonal(4, d=d)
        W, a = students(teacher, 200)
        exact, leading = first_stage(W, a, teacher), first_stage_leading(W, a, teacher)
        errors.append(np.median(np.linalg.norm(exact - leading, axis=1) / np.linalg.norm(exact, axis=1)))
    assert errors[0] / errors[2] == pytest.approx(16.0, rel=0.25)
    H2 = 4 / 16
    law = math.sqrt(0.25 * (1 + 2 * H2) / 320**2 / (H2 / 320))  # ½ ŵᵀHŵ against |Hŵ|, leading order
    assert first_stage_tangent(Teacher.orthogonal(4, d=320)) == pytest.approx(law, rel=0.02)
    assert first_stage_tangent(ORTH4, n=10**9) == pytest.approx(first_stage_tangent(ORTH4), rel=1e-4)
    assert first_stage_tangent(ORTH4, n=100) > first_stage_tangent(ORTH4, n=1000)


def test_second_stage_is_stationary():
    teacher, ridge = A, 0.02
    W, _ = students(teacher)
    a = second_stage(W, teacher, ridge=ridge)
    _, ga = population_gradient(W, a, teacher)
    assert ga + ridge * a == pytest.approx(np.zeros(len(a)), abs=1e-13)


# The measure problem --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["orth4", "A", "r3m5", *(pytest.param(name, marks=pytest.mark.slow) for name in ("G", "r5m6", "r3m5-close"))],
)
def test_minimum_is_certified_and_below_every_student(name):
    teacher, decay = TEACHERS[name], 2e-3
    found = minimize_measure(teacher, decay, tolerance=3e-6)
    assert found.max_modulus <= 1 + 4e-6
    assert found.error <= 1e-5 * found.value
    signs = np.sign(found.masses)
    assert found.eta(found.directions) == pytest.approx(signs, abs=1e-5)
    size = np.sqrt(np.abs(found.masses))
    W, a = size[:, None] * found.directions, signs * size
    assert optimality_gap(W, a, found) == pytest.approx(0.0, abs=1e-15)
    rng = np.random.default_rng(5)
    for scale in (1e-3, 1e-1):
        moved = W + scale * size[:, None] * rng.standard_normal(W.shape), a + scale * size * rng.standard_normal(len(a))
        assert optimality_gap(*moved, found) > -found.error
    bound = small_decay(certificate(teacher), decay).value
    if certificate(teacher).exists:
        assert found.value >= bound - 1e-15


def test_newton_has_the_right_derivatives():
    from theory.local_analysis.measure import _derivatives, _objective

    rng = np.random.default_rng(8)
    W, signs, Z = rng.standard_normal((2, 3)), np.array([1.0, -1.0, 1.0]), rng.standard_normal((3, 3))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    problem = (W, np.array([0.4, -0.3]), signs)
    move, step = rng.standard_normal(Z.shape), 1e-6
    ahead, behind = Z + step * move, Z - step * move
    gradient, hessian = _derivatives(*problem, Z, 0.2)
    slope = (_objective(*problem, ahead, 0.2) - _objective(*problem, behind, 0.2)) / (2 * step)
    assert np.vdot(gradient, move) == pytest.approx(slope, rel=1e-7)
    turn = (_derivatives(*problem, ahead, 0.2)[0] - _derivatives(*problem, behind, 0.2)[0]) / (2 * step)
    assert hessian @ move.ravel() == pytest.approx(turn.ravel(), rel=1e-6, abs=1e-8)


def test_a_neighbour_as_start_changes_nothing():
    for near in minimize_path(CLOSE, (4e-3, 1e-3))[1:]:
        alone = minimize_measure(CLOSE, near.decay, tolerance=3e-6)
        assert abs(near.value - alone.value) <= max(near.error, alone.error)


def test_a_grid_of_atoms_does_no_better():
    # least squares over 360 fixed atoms and both signs: a second solver, always from above
    from scipy.optimize import nnls

    decay, atoms = 0.01, in_plane(np.arange(0, 180, 0.5))
    both = np.concatenate([atoms, atoms])
    signs = np.repeat([1.0, -1.0], len(atoms))
    K = np.outer(signs, signs) * kernel(both @ both.T) + 1e-13 * np.eye(len(both))
    teacher = Teacher(in_plane([0, 60]), [0.5, -0.5])
    b = signs * (kernel(both @ teacher.directions.T) @ teacher.weights) - 0.5 * decay
    root = np.linalg.cholesky(K)
    c = nnls(root.T, np.linalg.solve(root, b))[0]
    value = signal_power(teacher) + c @ K @ c - 2 * b @ c
    exact = minimize_measure(teacher, decay).value
    assert exact - 1e-10 <= value <= exact + 3e-7  # half a degree between atoms


@pytest.mark.parametrize("name", ["orth4", "A", "G"])
def test_small_decay(name):
    teacher = TEACHERS[name]
    least = certificate(teacher)
    errors = []
    for decay in (4e-4, 1e-4):
        found, law = minimize_measure(teacher, decay), small_decay(least, decay)
        assert found.value >= law.value - 1e-16
        turned = law.directions / np.linalg.norm(law.directions, axis=1, keepdims=True)
        errors.append(
            [
                found.value - law.value,
                np.abs(found.masses - law.masses).max(),
                np.diagonal(line_angles(found.directions, turned)).max(),
            ]
        )
        assert found.loss == pytest.approx(law.loss, rel=0.06)
    for coarse, fine, order in zip(*errors, (3, 2, 2), strict=True):
        if coarse > 1e-13:  # exact for orthogonal directions
            assert math.log(coarse / fine, 4) == pytest.approx(order, abs=0.25)


# Certificates ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["minimum-norm", "degree"])
@pytest.mark.parametrize("name", ["orth4", "A", "r3m5", "r5m6"])
def test_interpolation(name, kind):
    teacher = TEACHERS[name]
    found = certificate(teacher, kind)
    assert found.eta(teacher.directions) == pytest.approx(np.sign(teacher.weights), abs=1e-9)
    rng = np.random.default_rng(6)
    step = 1e-4
    for w in teacher.directions:
        t = rng.standard_normal(teacher.d)
        t -= (t @ w) * w
        ahead, behind = (
            found.eta((math.cos(s) * w + math.sin(s) * t / np.linalg.norm(t))[None])[0] for s in (step, -step)
        )
        assert (ahead - behind) / (2 * step) == pytest.approx(0.0, abs=1e-2)  # step times the jump of η″ at the kink


def test_limit_of_the_dual():
    least = certificate(A)
    U = in_plane(np.arange(0, 180, 1.0)) @ np.eye(2, A.d)
    distance = [np.abs(minimize_measure(A, decay).eta(U) - least.eta(U)).max() for decay in (4e-4, 1e-4)]
    assert distance[1] == pytest.approx(2.4e-3, rel=0.05)
    assert distance[0] / distance[1] == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize(("angle", "rho"), [(90, 0.130), (60, 0.052), (30, 0.0107)])
def test_constant_of_two_directions(angle, rho):
    found = certificate(Teacher.from_angles([0, angle], d=2))
    assert found.rho_span == pytest.approx(rho, rel=0.02)  # published to two or three digits
    assert found.max_modulus == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("angle", "rho", "norm2"), [(90, 1.62, 22.0), (60, 0.91, 54.6), (30, 0.58, 497)])
def test_constant_of_two_opposite_directions(angle, rho, norm2):
    found = certificate(Teacher.from_angles([0, angle], [1, -1], d=8))
    assert found.rho_span == pytest.approx(rho, rel=0.01)
    assert found.norm2 == pytest.approx(norm2, rel=0.01)
    assert found.rho_sphere == pytest.approx(4 / math.pi**2, rel=1e-6)  # orthogonal to the span η = 0, δ = π/2


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-10, 1e-16, 1e-18, 0.0])
def test_quadratic_on_the_sphere_whatever_the_size_of_its_linear_part(size):
    rng = np.random.default_rng(2)
    for dimension in (1, 2):
        A = np.diag(1.0 + rng.uniform(size=dimension))
        b = size * rng.standard_normal(dimension)
        angle = np.linspace(0.0, 2.0 * np.pi, 20001)
        t = np.array([[1.0], [-1.0]]) if dimension == 1 else np.stack([np.cos(angle), np.sin(angle)], axis=1)
        values = np.einsum("ij,jk,ik->i", t, A, t) + t @ b
        assert smallest_on_tangents(A, b) == pytest.approx(values.min(), abs=1e-6)  # the grid's: (angle step)²·|A|


def test_rho_is_a_bound_on_a_fresh_sample():
    for name in ("A", "r3m5"):
        for kind in ("minimum-norm", "degree"):
            found = certificate(TEACHERS[name], kind)
            rng = np.random.default_rng(7)
            points = rng.standard_normal((20_000, found.teacher.rank)) @ found.teacher.basis
            points /= np.linalg.norm(points, axis=1, keepdims=True)
            delta = line_angles(points, found.teacher.directions).min(axis=1)
            assert np.all(np.abs(found.eta(points)) <= 1 - found.rho_span * delta**2 + 1e-9)


@pytest.mark.parametrize(("name", "modulus"), [("r3m5-close", 1.0268), ("r5m6", 1.00013)])
def test_failure_is_a_result(name, modulus):
    found = certificate(TEACHERS[name])
    assert not found.exists
    assert found.max_modulus == pytest.approx(modulus, abs=1e-4)
    assert "no non-degenerate minimum-norm certificate: max |eta| = 1.0" in found.statement()
    if name == "r3m5-close":
        assert math.degrees(found.worst[0]) == pytest.approx(22.9, abs=0.05)
        assert "22.9° from direction 5" in found.statement()
    with pytest.raises(ValueError, match="`certificate` must be non-degenerate; got no non-degenerate"):
        spread_bound(found, 1e-6, 1e-3)
    assert certificate(TEACHERS[name], "degree").exists


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Teacher([[1, 0], [0, 0]], [1, 1]), "`directions` must not be zero; row 1 is"),
        (lambda: Teacher([[1, 0], [-2, 0]], [1, 1]), "`directions` must be distinct up to sign, .* rows 0 and 1"),
        (lambda: Teacher([[1, 0], [0, 1]], [1, 0]), "`weights` must not be zero; number 1 is"),
        (lambda: Teacher([[1, 0], [0, 1]], [1]), "`weights` must be one number for each of the 2 directions"),
        (lambda: Teacher([[1, math.nan]], [1]), "`directions` must be finite"),
        (lambda: Teacher([[1, "x"]], [1]), "`directions` must be numbers"),
        (lambda: Teacher(np.zeros((0, 3)), []), r"`directions` must be a matrix of shape \(m, d\)"),
        (lambda: Teacher.orthogonal(4, d=3), "`d` must be an integer of at least 4; got 3"),
        (lambda: Teacher.orthogonal(0, d=3), "`count` must be an integer of at least 1; got 0"),
        (lambda: Teacher.random(9, span=2, d=2, min_angle=45), "`min_angle` must leave room for 9 directions"),
        (lambda: as_teacher("orth7"), "`teacher` must be one of orth4, A, G"),
        (lambda: as_teacher("nowhere.json"), "`teacher` must be a file that can be read"),
        (lambda: certificate(G, "least"), "`kind` must be minimum-norm or degree; got 'least'"),
        (lambda: certificate(G, "degree", degree=5), "`degree` must be an even integer of at least 4; got 5"),
        (lambda: certificate(ORTH4).curve(), "`teacher` must span a plane for a curve; its rank is 4"),
        (lambda: minimize_measure(G, 0.1), "`decay` must be below lambda_max = 0.0782159"),
        (lambda: minimize_measure(G, 0.0), "`decay` must be positive; got 0.0"),
        (lambda: second_stage(np.eye(20), G, ridge=0.0), "`ridge` must be positive; got 0.0"),
        (lambda: population_loss(np.eye(3), np.ones(3), G), r"`W` must have shape \(m, 20\)"),
        (lambda: population_loss(np.eye(20), np.ones(3), G), r"`a` must have shape \(20,\)"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_teachers():
    drawn = Teacher.random(5, span=3, d=8, min_angle=30, seed=3)
    assert (drawn.size, drawn.rank, drawn.d) == (5, 3, 8)
    assert drawn.min_angle >= math.radians(30)
    again = Teacher.random(5, span=3, d=8, min_angle=30, seed=3)
    assert np.array_equal(drawn.directions, again.directions)
    moved = as_teacher("A", d=4)
    assert moved.d == 4
    assert line_angles(moved.directions, moved.directions) == pytest.approx(line_angles(A.directions, A.directions))
    scaled = Teacher([[2.0, 0.0]], [3.0])
    assert scaled.weights == pytest.approx([6.0])  # a row's norm goes into its weight


def test_dependent_conditions_are_refused():
    many = Teacher.random(12, span=3, d=3, min_angle=20)
    with pytest.raises(ArithmeticError, match="conditions of the degree certificate are dependent"):
        certificate(many, "degree", degree=4)
