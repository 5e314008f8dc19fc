"""A prediction as an answer: with what it is to be held against, a picture, and the call that made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from spikes.agreement import ALIGNMENTS, Row, contract, spike_source
from spikes.presentation.figure import in_style
from spikes.presentation.numbers import counted, number_text
from spikes.presentation.row_table import RowTable, html_table
from spikes.record import recorded
from spikes.runtime.one_thread import on_one_thread
from theory.conditional_equivalent import Prediction, predict_errors
from theory.conditional_equivalent import predict as predicted
from theory.statement.problem import Problem

__all__ = ["PredictionStudy", "predict"]


@dataclass(frozen=True, eq=False, repr=False)
class PredictionStudy(RowTable):
    """The law of a problem, and the law of the same fit without the step.

    Attributes
    ----------
    problem : Problem
    theory : Prediction
        What `theory.predict` gives.
    before : dict of str to ndarray, shape (L,)
        ``test_error``, ``train_error`` and ``objective`` without the step, one entry for each penalty.
    density_at : tuple of float, optional
        Eigenvalues at which the density was asked for.
    """

    problem: Problem
    theory: Prediction
    before: dict[str, np.ndarray]
    density_at: tuple[float, ...] | None = None

    def rows(self) -> list[Row]:
        """Nothing was measured."""
        return []

    def remark(self) -> str:
        """How many spikes there are, and the smallest test error beside that without the step and the label noise."""
        count, best = len(self.theory.spikes), int(np.argmin(self.theory.test_error))
        leaving = f"{counted(count, 'spike') if count else 'no spike'} leave{'' if count > 1 else 's'} the bulk"
        error, before = (number_text(e[best], 4) for e in (self.theory.test_error, self.before["test_error"]))
        noise = f" ({number_text(self.problem.noise**2, 4)} of it label noise)" if self.problem.noise > 0.0 else ""
        return (
            f"{leaving}; test error {error} at λ = {self.theory.ridge[best]:g}{noise}, against {before} before the step"
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract: schema, problem, theory; nothing is simulated."""
        before = {name: values.tolist() for name, values in self.before.items()}
        return contract(self.problem, theory=self.theory.to_dict() | {"before": before})

    @in_style
    def plot(self, axes: Any = None) -> Any:
        """Draw the density with its spikes, and what they have learned: `plot_prediction` of this subject's figures."""
        from spikes.studies import one_step

        whole = self.theory
        if self.density_at is not None:  # a few points are no curve
            whole = predicted(self.problem, self.theory.gradient_order)
        return one_step.plot_prediction(whole, axes)

    def _repr_html_(self) -> str:
        spikes = [
            [
                str(i + 1) + spike_source(spike),
                number_text(spike.singular_value),
                *(number_text(a, 4) for a in spike.alignment),
            ]
            for i, spike in enumerate(self.theory.spikes)
        ]
        columns = (self.theory.ridge, self.theory.test_error, self.before["test_error"], self.theory.train_error)
        errors = [[number_text(value) for value in line] for line in zip(*columns, strict=True)]
        tables = [html_table(("spike", "singular value s", *ALIGNMENTS), spikes)] if spikes else []
        tables.append(html_table(("λ", "test error", "before the step", "train error"), errors))
        return f"<div><p><strong>{escape(self.remark())}</strong></p>{''.join(tables)}</div>"


@recorded
@on_one_thread
def predict(problem: Problem, gradient_order: int = 2, *, density_at: Sequence[float] | None = None) -> PredictionStudy:
    """Predict a problem as `theory.predict` does, as an answer that is saved, drawn and run again.

    Parameters
    ----------
    problem : Problem
    gradient_order : {1, 2}
        As in `theory.predict`.
    density_at : sequence of float, optional
        Eigenvalues of FFᵀ/n at which to give the density, in place of a grid over the bulk.

    Returns
    -------
    PredictionStudy
        Its `theory` is the prediction.

    Raises
    ------
    ValueError
        If an argument breaks its rule.
    ArithmeticError
        If a fixed point does not converge.

    Examples
    --------
    >>> from theory import Problem
    >>> found = predict(Problem(n=300, d=100, width=200))
    >>> print(found.remark())
    1 spike leaves the bulk; test error 1.015 at λ = 0.1 (0.25 of it label noise), against 1.334 before the step
    """
    theory = predicted(problem, gradient_order, density_at=density_at)
    errors = predict_errors(problem.replace(eta=0.0))
    before = {name: np.array([getattr(e, name) for e in errors]) for name in ("test_error", "train_error", "objective")}
    points = None if density_at is None else tuple(float(x) for x in density_at)
    return PredictionStudy(problem, theory, before, points)
