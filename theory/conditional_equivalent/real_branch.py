"""The real solutions off the bulk, λ = −z, and where they end: at the folds of their branch the bulk begins."""

from __future__ import annotations

import math

import numpy as np

from theory.conditional_equivalent.axis import (
    count_above,
    physical,
)
from theory.conditional_equivalent.features import EquivalentFeatures
from theory.conditional_equivalent.fixed_point import (
    ConvergenceError,
    Equations,
    FixedPoint,
    equations,
    jacobian,
    newton,
)
from theory.roots import root_between

__all__ = ["RealBranch", "real_branch", "right_of_support"]

_NEARLY = 1e-7  # residual on the way along a real branch
_ON_BRANCH = 1e-14  # residual that is aimed at where it folds
_ROUNDING = 1e-11  # residual there from which a step that does not halve it is rounding
_ALONG = 1e-4  # last step towards a fold, of which λ sees the square
_FAR = 8  # steps of Newton's method to a real point, of which one far enough from the support takes fewer
_ADVANCES = 4  # the same to the next place on a real branch, by which it is nearly there
_ASTRAY = 1e-3  # residual that is more than nearly
_TURNED = 0.5  # cosine of the angle through which a branch may turn in a step through its fold
_CHORD = 1e-2  # residual from which a branch's derivatives at another place are good for a step
_UNSEEN = 1e-2  # eigenvalues that a step on a real branch may pass over


def real_branch(eq: EquivalentFeatures) -> tuple[FixedPoint, float]:
    """The real solution at λ = −z with z within 1e-5 of the end of the support, and that end.

    Parameters
    ----------
    eq : EquivalentFeatures

    Returns
    -------
    FixedPoint, float

    Raises
    ------
    ConvergenceError
        If it is not found.
    """
    z = 4.0 * float(np.max(eq.latent_weights @ eq.strength) * (1.0 + eq.neurons.sum() / eq.n + eq.d / eq.n)) + 1e-12
    for _ in range(60):
        point = newton(eq, np.array([-z]), np.full((1, len(eq.g)), -1.0 / z), np.ones((1, len(eq.u))), most=_FAR)
        # a gap below the band of a single node, of less than one eigenvalue, is not right of all
        if right_of_support(eq, point) and count_above(eq, point)[0] < _UNSEEN:
            break
        z *= 2.0
    else:
        raise ConvergenceError(f"no point right of the spectrum was found up to z = {z:.3g}; reduce the step size")
    branch = RealBranch(eq, point)
    fold = branch.fold(-1.0)
    if fold is not None and right_of_support(eq, fold[1]):
        return fold[1], fold[0]
    stride = 0.2
    while stride > 1e-5:
        trial = newton(eq, point.lam * (1.0 - stride), point.r, point.w, most=10)
        if right_of_support(eq, trial):
            point = trial
        else:
            stride *= 0.5
    return point, -float(point.lam[0])


class RealBranch:
    """The real solutions off the bulk, followed by their length in (log |r|, log |w|, log |λ|), through a fold in λ.

    Where the branch folds the bulk begins.

    Parameters
    ----------
    eq : EquivalentFeatures
    start : FixedPoint
        A real solution off the bulk.
    """

    def __init__(self, eq: EquivalentFeatures, start: FixedPoint) -> None:
        self.eq = eq
        values = np.concatenate([start.r[0].real, start.w[0].real, start.lam.real])
        self.signs, self.place = np.sign(values), np.log(np.abs(values))

    def fold(self, sense: float) -> tuple[float, FixedPoint] | None:
        """z at the first fold towards larger or smaller z, and a point of the branch about 1e-5 z before it.

        None if the branch is lost on the way, as at a pole of r.

        Parameters
        ----------
        sense : {1.0, -1.0}
            1 towards larger z.

        Returns
        -------
        (float, FixedPoint) or None
        """
        try:
            with np.errstate(all="ignore"):
                return self._fold(sense)
        except (np.linalg.LinAlgError, ArithmeticError):
            return None

    def _fold(self, sense: float) -> tuple[float, FixedPoint] | None:
        place = self.place
        slope = self._slope(self._equations(place))
        tangent = _tangent(slope, np.append(np.zeros(len(place) - 1), sense))
        unit = math.sqrt(len(place))
        length, grows, count = 0.1 * unit, 1.5, self._count(place)
        curvature = np.zeros_like(place)
        for _ in range(60):
            onto = place + length * tangent + 0.5 * length**2 * curvature
            ahead = self._advance(place, tangent, length, onto, _NEARLY, slope)
            beyond = None if ahead is None else self._slope(ahead[1])
            onward = None if beyond is None else _tangent(beyond, tangent)
            turned_back = onward is not None and onward[-1] * tangent[-1] < 0.0
            # a long step would pass over the band of a single node
            if (
                ahead is None
                or beyond is None
                or onward is None
                or onward @ tangent < (_TURNED if turned_back else 0.9)
                or abs(self._count(ahead[0]) - count) > _UNSEEN
            ):
                length, grows = length * (0.5 if ahead is not None else 0.3), 1.0
                if length < 1e-6:
                    return None
                continue
            if turned_back:
                break
            curvature = (onward - tangent) / np.linalg.norm(ahead[0] - place)
            curvature -= (curvature @ onward) * onward
            place, tangent, slope = ahead[0], onward, beyond
            length, grows = min(grows * length, 0.4 * unit), 1.5
        else:
            return None

        known = [(0.0, place, tangent, slope), (length, ahead[0], onward, beyond)]

        def at(length: float, enough: float) -> tuple[np.ndarray, Equations]:
            near = min(known, key=lambda one: abs(one[0] - length))
            start = near[1] + (length - near[0]) / (near[2] @ tangent) * near[2]
            reached = self._advance(place, tangent, length, start, enough, near[3])
            if reached is None:
                raise ConvergenceError("the real branch was lost beside a fold; change `n_step` or `d` a little")
            return reached

        def turned(length: float) -> float:
            reached, there = at(length, _NEARLY)
            slope = self._slope(there)
            known.append((length, reached, _tangent(slope, tangent), slope))
            return float(known[-1][2][-1])

        ends = [one[0] for one in known], [float(one[2][-1]) for one in known]
        length = root_between(turned, *ends, last=_ALONG * unit)
        end = at(length, _ON_BRANCH)[0]
        # λ is quadratic in the length next to the fold
        gap = abs(place[-1] - end[-1])
        if gap > 1e-5:
            place = at(length * (1.0 - math.sqrt(1e-5 / gap)), _ON_BRANCH)[0]
        return float(np.exp(end[-1])), self._point(place)

    def _point(self, place: np.ndarray) -> FixedPoint:
        values, Q = self.signs * np.exp(place), len(self.eq.g)
        return FixedPoint(values[-1:], values[None, :Q], values[None, Q:-1], np.zeros(1), 0)

    def _count(self, place: np.ndarray) -> float:
        return float(count_above(self.eq, self._point(place))[0])

    def _equations(self, place: np.ndarray) -> Equations:
        point = self._point(place)
        return equations(self.eq, point.lam, point.r, point.w)

    def _slope(self, at: Equations) -> np.ndarray:
        """Derivatives of the equations, the last one in log |λ|."""
        return np.column_stack([jacobian(self.eq, at)[0], at.lam[0] * at.dlam()[0]])

    def _advance(
        self,
        place: np.ndarray,
        tangent: np.ndarray,
        length: float,
        trial: np.ndarray,
        enough: float,
        behind: np.ndarray | None = None,
    ) -> tuple[np.ndarray, Equations] | None:
        """The place at a distance along a tangent with the equations there, or None if Newton does not arrive.

        The derivatives at another place, if given, serve for the first step from a good trial.
        """
        before, slope = math.inf, None
        for steps in range(12):
            at = self._equations(trial)
            worst = float(np.max(np.abs(at.f)))
            if behind is not None and worst < _CHORD:
                before, slope, behind = 1.0, np.vstack([behind, tangent]), None
            if worst < enough or (worst < _ROUNDING and worst > 0.5 * before):
                return trial, at
            if steps >= _ADVANCES and not worst < _ASTRAY:
                return None
            if slope is None or not worst < 1e-2 * before:
                slope = np.vstack([self._slope(at), tangent])
            step = -np.linalg.solve(slope, np.append(at.f[0], tangent @ (trial - place) - length))
            if not np.max(np.abs(step)) < 1.0:
                return None
            before, trial = worst, trial + step
        return None


def _tangent(slope: np.ndarray, sense: np.ndarray) -> np.ndarray:
    """Unit vector along a branch of these derivatives, on the side of `sense`."""
    step = np.linalg.solve(np.vstack([slope, sense]), np.append(np.zeros(len(slope)), 1.0))
    return step / np.linalg.norm(step)


def right_of_support(eq: EquivalentFeatures, point: FixedPoint) -> bool:
    """Whether a real solution is the one off the spectrum, with less than one eigenvalue of the bulk above it.

    Parameters
    ----------
    eq : EquivalentFeatures
    point : FixedPoint

    Returns
    -------
    bool
    """
    inside = (point.r < 0.0).all() and (point.w > 0.0).all()
    return bool(inside and physical(eq, point)[0] and count_above(eq, point)[0] < 1.0)
