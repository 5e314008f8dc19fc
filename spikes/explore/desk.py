"""Where a server's answers come from: worker processes that all sessions share, and what they have answered before."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from spikes.explore import answers
from spikes.runtime.process_pool import ProcessPool

if TYPE_CHECKING:
    from theory.statement.problem import Problem

__all__ = ["Desk"]

_KEPT = 256
_PREDICTION = 300.0
_RUN = 900.0


class Desk:
    """Predictions and simulations for any number of sessions.

    Parameters
    ----------
    workers : int
        Processes for simulations; two at most predict beside them.

    Attributes
    ----------
    computed : Counter
        How often each kind of answer was computed rather than remembered.
    """

    def __init__(self, workers: int) -> None:
        remedy = "take smaller sizes or a smaller step"
        self._theory = ProcessPool(2, seconds=_PREDICTION, remedy=remedy)
        self._simulation = ProcessPool(workers, seconds=_RUN, remedy=remedy)
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self.workers = workers
        self.computed: Counter[str] = Counter()

    async def errors(self, problem: Problem) -> answers.Errors:
        """Errors along the penalty: see `spikes.explore.answers.errors`."""
        return await self._remembered(answers.errors, problem)

    async def spectrum(self, problem: Problem) -> answers.Spectrum:
        """The whole prediction: see `spikes.explore.answers.spectrum`."""
        return await self._remembered(answers.spectrum, problem)

    async def steps(self, problem: Problem) -> answers.Steps:
        """Errors along the size of the step, the same for every step: see `spikes.explore.answers.steps`."""
        return await self._remembered(answers.steps, problem.replace(alpha=0.0, eta=None))

    async def run(self, problem: Problem, seed: int, number: int) -> bytes:
        """One simulation: see `spikes.explore.answers.run`."""
        return await self._simulation.run(answers.run, problem, seed, number, self.workers)

    async def drawn(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of `spikes.explore.answers` makes of answers."""
        return await self._theory.run(function, *arguments)

    async def _remembered(self, function: Callable[[Problem], Any], problem: Problem) -> Any:
        key = (function.__name__, problem)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        self.computed[function.__name__] += 1
        answer = await self._theory.run(function, problem)
        self._kept[key] = answer
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return answer

    def close(self) -> None:
        """End all processes."""
        self._theory.close()
        self._simulation.close()
