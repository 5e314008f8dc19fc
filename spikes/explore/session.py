"""One page that is open: what it asks for, in which order it is answered, and what is no longer wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from spikes.explore import answers

if TYPE_CHECKING:
    from spikes.explore.desk import Desk
    from spikes.explore.state import State
    from theory.statement.problem import Problem

__all__ = ["Latest", "Session"]

Asked = TypeVar("Asked")


class Latest(Generic[Asked]):
    """Work on one thing at a time, and of those that wait on the latest alone: the others are never begun.

    Parameters
    ----------
    work : callable
        Coroutine function of what is asked for; it handles its own exceptions.

    Examples
    --------
    >>> async def burst():
    ...     begun = []
    ...
    ...     async def work(asked):
    ...         begun.append(asked)
    ...         await asyncio.sleep(0.01)
    ...
    ...     latest = Latest(work)
    ...     for asked in range(20):
    ...         latest.ask(asked)
    ...         await asyncio.sleep(0)
    ...     await latest.idle()
    ...     return begun
    >>> asyncio.run(burst())
    [0, 19]
    """

    def __init__(self, work: Callable[[Asked], Awaitable[None]]) -> None:
        self._work = work
        self._waiting: list[Asked] = []
        self._task: asyncio.Task[None] | None = None

    def ask(self, asked: Asked) -> None:
        """Ask for something, in place of what was asked for and not yet begun."""
        self._waiting = [asked]
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._waiting:
            await self._work(self._waiting.pop())

    async def idle(self) -> None:
        """Wait until nothing is left to do."""
        while self._task is not None and not self._task.done():
            await asyncio.shield(self._task)

    def stop(self) -> None:
        """Leave all of it, begun or not."""
        self._waiting = []
        if self._task is not None:
            self._task.cancel()


def _said(error: Exception) -> str:
    """What a page says of an exception: refusals have their own words, anything else its name as well."""
    if isinstance(error, ValueError | ArithmeticError | OSError):
        return str(error)
    return f"the computation broke down ({type(error).__name__}: {error})"


class Session:
    """The answers of one page.

    Parameters
    ----------
    desk : Desk
    show : callable
        (what, answer) for ``"errors"``, ``"spectrum"``, ``"steps"``, ``"joined"``, each with the answer of that name,
        ``"progress"`` with the numbers of runs done and asked for, None where none is running, and ``"complaint"`` with
        a text. The last good answer stays where there is a complaint.
    """

    def __init__(self, desk: Desk, show: Callable[[str, Any], None]) -> None:
        self._desk, self._show = desk, show
        self._problem: Problem | None = None
        self._known: dict[str, Any] = {}
        self._runs: list[bytes] = []
        self._simulation: asyncio.Task[None] | None = None
        self._errors = Latest(self._answer_errors)
        self._spectrum = Latest(self._answer_spectrum)
        self._steps = Latest(self._answer_steps)
        self._joined = Latest(self._answer_joined)

    def ask(self, problem: Problem) -> None:
        """Predict a problem, errors first; its predecessor's runs are forgotten."""
        if problem == self._problem:
            return
        self.stop()
        self._problem, self._known, self._runs = problem, {}, []
        self._errors.ask(problem)

    async def _answer_errors(self, problem: Problem) -> None:
        if await self._predicted("errors", problem):
            self._spectrum.ask(problem)
            self._steps.ask(problem)

    async def _answer_spectrum(self, problem: Problem) -> None:
        await self._predicted("spectrum", problem)

    async def _answer_steps(self, problem: Problem) -> None:
        await self._predicted("steps", problem)

    async def _predicted(self, what: str, problem: Problem) -> bool:
        """Answer and show one part, unless it is no longer wanted by then; whether the page still shows the problem."""
        if problem != self._problem:
            return False
        try:
            answer = await getattr(self._desk, what)(problem)
        except Exception as error:
            if problem == self._problem:
                self._show("complaint", _said(error))
            return False
        if problem != self._problem:
            return False
        self._known[what] = answer
        self._show(what, answer)
        if self._runs:
            self._joined.ask(problem)
        return True

    def simulate(self, state: State) -> None:
        """Add runs one by one until there are as many as asked for, in the order of their numbers."""
        self.ask(state.problem)
        self.stop()
        self._runs = []
        self._simulation = asyncio.get_running_loop().create_task(self._simulate(state))

    async def _simulate(self, state: State) -> None:
        numbers = iter(range(state.seeds))
        running: list[asyncio.Task[bytes]] = []
        self._show("progress", (0, state.seeds))
        try:
            while True:
                while len(running) < self._desk.workers and (number := next(numbers, None)) is not None:
                    running.append(asyncio.ensure_future(self._desk.run(state.problem, state.seed, number)))
                if not running:
                    break
                # in the order of their numbers: the first runs of more are those of fewer
                self._runs.append(await running[0])
                running.pop(0)
                self._show("progress", (len(self._runs), state.seeds))
                self._joined.ask(state.problem)
        except Exception as error:
            self._show("complaint", _said(error))
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            if asyncio.current_task() is self._simulation:
                self._show("progress", None)

    def stop(self) -> None:
        """Stop the simulation; the runs that are done stay."""
        simulation, self._simulation = self._simulation, None
        if simulation is not None and not simulation.done():
            simulation.cancel()
            self._show("progress", None)

    async def _answer_joined(self, problem: Problem) -> None:
        parts, runs = self._parts(), tuple(self._runs)
        if parts is None or not runs or problem != self._problem:
            return
        try:
            joined = await self._desk.drawn(answers.join, *parts, runs)
        except Exception as error:
            self._show("complaint", _said(error))
            return
        if problem == self._problem and self._runs[: len(runs)] == list(runs):
            self._show("joined", joined)

    def _parts(self) -> tuple[bytes, bytes, bytes] | None:
        """Theory, curves and curves along the step, when all three are there."""
        if {"errors", "spectrum", "steps"} <= set(self._known):
            return self._known["spectrum"].theory, self._known["errors"].path, self._known["steps"].path
        return None

    async def figure(self) -> bytes:
        """The four pictures as a PNG image.

        Raises
        ------
        ValueError
            If there is nothing to draw yet.
        """
        return await self._desk.drawn(answers.figure_file, *await self._settled(), tuple(self._runs))

    async def json(self) -> bytes:
        """The JSON contract of what is shown.

        Raises
        ------
        ValueError
            If there is nothing to write yet.
        """
        theory, path, _ = await self._settled()
        return await self._desk.drawn(answers.json_file, theory, path, tuple(self._runs))

    async def _settled(self) -> tuple[bytes, bytes, bytes]:
        for lane in (self._errors, self._spectrum, self._steps):
            await lane.idle()
        parts = self._parts()
        if parts is None:
            raise ValueError("the problem must be one that can be predicted; its complaint says what is wrong")
        return parts

    def close(self) -> None:
        """Leave everything: the page was closed."""
        self.stop()
        for lane in (self._errors, self._spectrum, self._steps, self._joined):
            lane.stop()
