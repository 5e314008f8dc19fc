"""What a page asks for and when: bursts cut short, sessions apart, seeds one by one, and mistakes said."""

import asyncio
import json
from functools import lru_cache

import pytest

from spikes.explore import answers, sentences
from spikes.explore.desk import Desk
from spikes.explore.session import Session
from spikes.explore.state import of_texts

SMALL = {"n": "200", "d": "100", "width": "150", "activation": "tanh", "seeds": "3"}


@lru_cache
def small(**changes):
    return of_texts(SMALL | changes)


ANSWERS = {
    "errors": answers.Errors("<svg/>", 0.1, 1.183, 1.53, b"path"),
    "spectrum": answers.Spectrum("<svg/>", "<svg/>", ((5.39, (0.0, 1.0, 0.0, 0.0, 0.0)),), (), b"theory"),
    "steps": answers.Steps("<svg/>", b"steps"),
}


class Here:
    """Answers in place of a desk's, counted: as soon as the gate is open."""

    workers = 2

    def __init__(self):
        self.asked, self.running, self.stopped = [], 0, 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def _answer(self, what, problem):
        self.asked.append((what, problem.alpha))
        await self.gate.wait()
        return ANSWERS[what]

    def errors(self, problem):
        return self._answer("errors", problem)

    def spectrum(self, problem):
        return self._answer("spectrum", problem)

    def steps(self, problem):
        return self._answer("steps", problem)

    async def run(self, problem, seed, number):
        self.running += 1
        try:
            await asyncio.sleep(0.03 if number % 2 else 0.005)
            return f"run {number}".encode()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        finally:
            self.running -= 1

    async def drawn(self, function, *arguments):
        await asyncio.sleep(0.001)
        if function is answers.join:
            return answers.Joined("", "", "", "", len(arguments[3]), "")
        return arguments


def played(script):
    """What a session shows while a script plays, and the desk that answered."""

    async def play():
        desk, shown = Here(), []
        session = Session(desk, lambda what, answer: shown.append((what, answer)))
        await script(session, desk)
        session.close()
        return desk, shown

    return asyncio.run(play())


async def rest(session):
    for _ in range(3):
        for lane in (session._errors, session._spectrum, session._steps, session._joined):
            await lane.idle()


def test_a_burst_computes_at_most_three_predictions_and_ends_with_the_last():
    asked = [small(alpha=f"{0.2 + 0.01 * i:.2f}").problem for i in range(20)]

    async def script(session, desk):
        desk.gate.clear()
        for problem in asked:
            session.ask(problem)
            await asyncio.sleep(0)
        desk.gate.set()
        await rest(session)

    desk, shown = played(script)
    predictions = [entry for entry in desk.asked if entry[0] != "steps"]
    assert len(predictions) <= 3
    assert predictions[-1] == ("spectrum", 0.39)
    assert [what for what, _ in shown][:1] == ["errors"]
    assert sorted(what for what, _ in shown) == ["errors", "spectrum", "steps"]


def test_seeds_join_one_by_one_in_their_order():
    async def script(session, desk):
        session.ask(small().problem)
        await rest(session)
        session.simulate(of_texts(SMALL))  # the same problem, stated again
        while session._simulation is not None and not session._simulation.done():
            await asyncio.sleep(0.005)
        await rest(session)

    _, shown = played(script)
    assert [answer for what, answer in shown if what == "progress"] == [(0, 3), (1, 3), (2, 3), (3, 3), None]
    joined = [answer.seeds for what, answer in shown if what == "joined"]
    assert joined == sorted(joined)
    assert joined[-1] == 3


def test_stopping_ends_the_runs_and_keeps_what_is_done():
    async def script(session, desk):
        session.simulate(small(seeds="50"))
        while len(session._runs) < 2:
            await asyncio.sleep(0.005)
        session.stop()
        await asyncio.sleep(0.1)
        assert desk.running == 0
        assert desk.stopped > 0
        done = len(session._runs)
        await asyncio.sleep(0.1)
        assert len(session._runs) == done >= 2
        assert (await session.figure())[3] == tuple(session._runs)

    _, shown = played(script)
    assert shown[-1] == ("progress", None) or ("progress", None) in shown


def test_another_problem_stops_the_simulation_and_forgets_its_runs():
    async def script(session, desk):
        session.simulate(small(seeds="50"))
        while not session._runs:
            await asyncio.sleep(0.005)
        session.ask(small(alpha="0.2").problem)
        assert session._runs == []
        await asyncio.sleep(0.1)
        assert session._runs == []
        assert desk.running == 0
        await rest(session)

    played(script)


def test_what_cannot_be_answered_is_said():
    async def script(session, desk):
        async def refused(problem):
            raise ArithmeticError("the fixed point was not reached; take a larger `ridge`")

        desk.spectrum = refused
        session.ask(small().problem)
        await rest(session)
        with pytest.raises(ValueError, match="complaint"):
            await session.figure()

    _, shown = played(script)
    assert ("complaint", "the fixed point was not reached; take a larger `ridge`") in shown


def test_two_sessions_do_not_disturb_each_other():
    async def play():
        desk = Here()
        shown = [[], []]
        sessions = [Session(desk, lambda what, answer, own=own: own.append((what, answer))) for own in shown]
        sessions[0].simulate(small())
        sessions[1].ask(small(alpha="0.2").problem)
        sessions[1].simulate(small(alpha="0.2", seeds="2"))
        sessions[1].stop()
        while sessions[0]._simulation is not None and not sessions[0]._simulation.done():
            await asyncio.sleep(0.005)
        assert len(sessions[0]._runs) == 3
        assert sessions[1]._runs == []
        for session in sessions:
            session.close()

    asyncio.run(play())


def test_answers_are_remembered_by_all_sessions():
    async def play():
        desk = Desk(1)

        async def run(function, problem):
            return function.__name__

        desk._theory.run = run
        for _ in range(3):
            for alpha in ("0.2", "0.3"):
                await desk.errors(small(alpha=alpha).problem)
                await desk.steps(small(alpha=alpha).problem)
        assert desk.computed == {"errors": 2, "steps": 1}  # the curve along the step is that of any step

    asyncio.run(play())


@pytest.mark.slow
def test_runs_are_those_of_the_command_line():
    from spikes.studies.one_step import compare

    state = small()
    errors, spectrum, steps = (each(state.problem) for each in (answers.errors, answers.spectrum, answers.steps))
    runs = [answers.run(state.problem, 0, number, 1) for number in range(2)]
    joined = answers.join(spectrum.theory, errors.path, steps.path, runs)
    assert joined.seeds == 2
    assert joined.spectrum.startswith("<svg")
    content = json.loads(answers.json_file(spectrum.theory, errors.path, runs))
    expected = compare(state.problem, 2, 0, 1)
    assert content["simulation"] == json.loads(json.dumps(expected.to_dict()["simulation"]))
    assert set(content) == {"schema", "problem", "theory", "simulation", "agreement"}
    assert answers.figure_file(spectrum.theory, errors.path, steps.path, runs).startswith(b"\x89PNG")
    assert set(json.loads(answers.json_file(spectrum.theory, errors.path, []))) == set(content)


def test_sizes_are_capped_by_memory():
    huge = of_texts({"n": "10000000", "d": "1000000", "width": "1000000"}).problem
    with pytest.raises(ValueError, match="must fit in memory"):
        answers.run(huge, 0, 0, 1)


def test_words():
    errors, spectrum = ANSWERS["errors"], ANSWERS["spectrum"]
    assert sentences.of_errors(errors).startswith("The step ")
    assert "spike" in sentences.of_spikes(spectrum)
    two = spectrum._replace(spikes=((5.39, (0.0, 1.0, 0.0, 0.0, 0.0)), (1.98, (0.7, 0.0, 0.6, 0.1, 0.0))))
    assert sentences.of_spikes(two) == (
        "2 spikes leave the bulk, at s = 5.39 and 1.98. The first has learned He₁ (1.00) and the second has learned "
        "a constant (0.70) and He₂ (0.60)."
    )
    assert sentences.of_spikes(spectrum._replace(spikes=())).startswith("No spike leaves the bulk")
    assert sentences.of_errors(errors._replace(after=2.0, before=1.0)).startswith("The step does not pay")
    assert sentences.of_errors(errors._replace(after=1.0, before=1.0)).startswith("The step leaves the test error")
    assert sentences.doubts(("n = 60: small",)) == ["Outside what was checked: n = 60: small."]
