"""Several giant steps on fresh batches, and what each leaves in the weights: overlaps, norms, cosines, alignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from spikes.runtime.memory import check_memory
from spikes.simulation.fresh_errors import FreshPoints, fresh_errors
from spikes.simulation.gradient import BLOCK, gradient
from spikes.simulation.how import How
from spikes.simulation.kernels import ActivationKernels, problem_kernels
from spikes.simulation.label_fit import Residuals, fit_labels
from spikes.simulation.network import Layer, Network, can_be_paired, initial_network
from spikes.simulation.ridge import fit_second_layer
from spikes.simulation.row_sums import sums_at_once
from spikes.simulation.samples import LabelledRows, Samples
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from theory.statement.arguments import integer
from theory.statement.problem import Problem, require_gradient_descent, require_isotropic
from theory.statement.protocol import Protocol

__all__ = ["Trajectory", "check_size", "start_network", "trajectory"]

_STREAMS = 8  # random streams per step: the batch, one for independent moments, the second layer's fit, its test


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One network through T steps.

    Attributes
    ----------
    problem : Problem
    protocol : Protocol
    a : ndarray, shape (N,)
        Second layer during the steps.
    W : ndarray, shape (N, d)
        First layer after the last step.
    M : ndarray, shape (T + 1, N, k)
        Overlaps W W⋆ᵀ before the first step and after each.
    norm2 : ndarray, shape (T + 1, N)
        |w_i|².
    Q : ndarray, shape (T + 1, N, N) or (T + 1, 0, 0)
        W Wᵀ, where it was asked for.
    gradient_overlap : ndarray, shape (T, N, k)
        W⋆h_i, where step t moves w_i by η a_i h_i.
    gradient_norm2 : ndarray, shape (T, N)
        |h_i|².
    alignment : ndarray, shape (T, k)
        Cosines of the principal angles between the target's subspace and the span of the k leading right singular
        vectors of W_t − W_0, largest first.
    test_error, test_sem : ndarray, shape (T + 1, L) or (T + 1, 0)
        Test error of a second layer fitted by ridge regression on fresh data at each penalty, and its standard error
        over test samples, where it was asked for.
    """

    problem: Problem
    protocol: Protocol
    a: np.ndarray
    W: np.ndarray
    M: np.ndarray
    norm2: np.ndarray
    Q: np.ndarray
    gradient_overlap: np.ndarray
    gradient_norm2: np.ndarray
    alignment: np.ndarray
    test_error: np.ndarray
    test_sem: np.ndarray

    @property
    def cosines(self) -> np.ndarray:
        """Cosines of the weights with the rows of W⋆, shape (T + 1, N, k)."""
        return self.M / np.sqrt(self.norm2)[..., None]

    @property
    def gradient_cosines(self) -> np.ndarray:
        """Cosines of h_i with the rows of W⋆, shape (T, N, k)."""
        return self.gradient_overlap / np.sqrt(self.gradient_norm2)[..., None]


def start_network(problem: Problem, protocol: Protocol, sequence: np.random.SeedSequence) -> Network:
    """The network before the first step, symmetric or random as the protocol has it.

    Parameters
    ----------
    problem : Problem
    protocol : Protocol
    sequence : SeedSequence

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If a symmetric start is asked of an odd width or of a second layer whose law is not that of its opposite, or the
        problem is not one for several steps.
    """
    _check_problem(problem)
    symmetric = protocol.start == "symmetric"
    if symmetric and not can_be_paired(problem):
        raise ValueError(
            "`start` must be random for an odd width or a second layer that is not symmetric about 0; "
            f"got symmetric with width {problem.width} and {problem.law_of_a}"
        )
    return initial_network(problem, sequence, antisymmetric=symmetric)


def _check_problem(problem: Problem) -> None:
    require_isotropic(problem, "several giant steps")
    require_gradient_descent(problem, "several giant steps")


def check_size(problem: Problem, protocol: Protocol, copies: int = 1, *, refit: bool = False, layers: int = 4) -> None:
    """Refuse steps whose weights do not fit in the memory that is free.

    Parameters
    ----------
    problem : Problem
    protocol : Protocol
    copies : int
        Runs at once.
    refit : bool
        Whether a second layer is fitted as well.
    layers : int
        First layers that a run holds, gradients counted.

    Raises
    ------
    ValueError
        Naming the GiB needed and available.
    """
    d, N = problem.d, problem.width
    weights = max(layers, layers - 2 + sums_at_once(problem.n0)) * N * d
    fitted = (1 + sums_at_once(problem.n)) * N**2 if refit else 0
    labels = d**2 if protocol.labels(problem) == "ols" else 0
    check_memory(
        f"`d` and `width` must fit in memory: d = {d}, width = {N}",
        max(weights + 4 * min(N, d) ** 2, 2 * N * d + fitted) + labels + 3 * BLOCK * (N + d),
        copies=copies,
    )


def trajectory(
    problem: Problem,
    protocol: Protocol | None = None,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    *,
    start: Network | None = None,
    gram: bool = False,
    refit: bool = False,
    test_samples: int = 8192,
    threads: int = 1,
) -> Trajectory:
    """Take the steps of a protocol.

    Step t is W ← W + (η/n₀) diag(a) [σ′(XWᵀ) ∘ (r1ᵀ)]ᵀ X on n₀ fresh samples, r = y − f(X) after preprocessing of y, in
    row blocks: memory does not grow with n₀.

    Parameters
    ----------
    problem : Problem
    protocol : Protocol, optional
        One step from a symmetric start by default.
    seed : int, SeedSequence or Generator
        The same seed gives the same bits.
    start : Network, optional
        Where to start, in place of a drawn network.
    gram : bool
        Keep W Wᵀ at every step.
    refit : bool
        Fit the second layer after every step on the problem's n fresh samples, and measure its test error.
    test_samples : int
        Fresh points for that, as in `spikes.simulate`.
    threads : int
        Threads that share blocks of rows. Sums may round differently on another number.

    Returns
    -------
    Trajectory

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    """
    _check_problem(problem)
    protocol = protocol or Protocol()
    test_samples, how = integer("test_samples", test_samples, 2), How(threads=threads)
    sequence = as_seed_sequence(seed)
    network = start_network(problem, protocol, sequence) if start is None else start
    if network.W.shape != (problem.width, problem.d) or network.a.shape != (problem.width,):
        raise ValueError(f"`start` must have W of shape ({problem.width}, {problem.d}); got {network.W.shape}")
    paired = start is None and protocol.start == "symmetric"
    with threadpool_limits(how.threads):
        return _run(problem, protocol, sequence, network, paired, gram, refit, int(test_samples), how)


def _run(
    problem: Problem,
    protocol: Protocol,
    sequence: np.random.SeedSequence,
    network: Network,
    paired: bool,
    gram: bool,
    refit: bool,
    test_samples: int,
    how: How,
) -> Trajectory:
    k, eta = problem.teacher.k, problem.step_size
    kernels = problem_kernels(problem)
    kind = protocol.labels(problem)
    initial, W, a = network.W, network.W.copy(), network.a

    def stream(step: int, number: int) -> np.random.SeedSequence:
        return derived_sequence(sequence, 2 + _STREAMS * step + number)

    def samples(step: int, number: int, rows: int) -> Samples:
        return Samples(problem, stream(step, number), rows)

    record: dict[str, list[np.ndarray]] = {
        name: [] for name in ("M", "norm2", "Q", "overlap", "gradient_norm2", "alignment", "error", "sem")
    }

    def measure(step: int) -> None:
        record["M"].append(W[:, :k].copy())
        record["norm2"].append(np.einsum("ij,ij->i", W, W))
        record["Q"].append(W @ W.T if gram else np.zeros((0, 0)))
        error, sem = np.zeros((2, 0))
        if refit:
            layer = Layer(W, kernels)
            readouts = fit_second_layer(layer, samples(step, 2, problem.n), problem.ridges, how=how)
            fresh = FreshPoints(problem, stream(step, 3), test_samples)
            ((error, sem),) = fresh_errors([(layer, readouts)], fresh, how=how)
        record["error"].append(error)
        record["sem"].append(sem)

    measure(0)
    for step in range(1, protocol.steps + 1):
        batch = samples(step, 0, problem.n0)
        residuals = Residuals(batch, fit_labels(kind, batch, samples(step, 1, problem.n0)))
        network = Network(W, a)
        if paired and step == 1:
            rows = _paired_gradient(network, kernels, residuals, how)
        else:
            rows = gradient(network, kernels, residuals, interacting=protocol.interacting, how=how).rows
        h = rows / a[:, None]
        record["overlap"].append(h[:, :k].copy())
        record["gradient_norm2"].append(np.einsum("ij,ij->i", h, h))
        rows *= eta
        W += rows
        record["alignment"].append(_alignment(W - initial, k))
        measure(step)
    stacked = {name: np.stack(values) for name, values in record.items()}
    return Trajectory(
        problem=problem,
        protocol=protocol,
        a=a,
        W=W,
        M=stacked["M"],
        norm2=stacked["norm2"],
        Q=stacked["Q"],
        gradient_overlap=stacked["overlap"],
        gradient_norm2=stacked["gradient_norm2"],
        alignment=stacked["alignment"],
        test_error=stacked["error"],
        test_sem=stacked["sem"],
    )


def _paired_gradient(
    network: Network,
    kernels: ActivationKernels,
    samples: LabelledRows,
    how: How,
) -> np.ndarray:
    """The gradient's rows for a network of pairs, f = 0: only one of each pair is worked out."""
    half = len(network.a) // 2
    first = Network(network.W[:half], network.a[:half])
    rows = gradient(first, kernels, samples, interacting=False, how=how).rows
    return np.concatenate([rows, -rows])


def _alignment(change: np.ndarray, k: int) -> np.ndarray:
    """Singular values of VᵀW⋆ᵀ, V the k leading right singular vectors of the change of the weights."""
    left = change @ change.T if len(change) <= change.shape[1] else None
    if left is not None:
        values, vectors = np.linalg.eigh(left)
        V = change.T @ vectors[:, ::-1][:, :k] / np.sqrt(np.maximum(values[::-1][:k], 1e-300))
    else:
        V = np.linalg.eigh(change.T @ change)[1][:, ::-1][:, :k]
    found = np.linalg.svd(V[:k], compute_uv=False)
    return np.concatenate([found, np.zeros(k - len(found))])
