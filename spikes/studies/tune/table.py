"""A recommendation on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikes.presentation.numbers import estimate_text, number_text
from spikes.presentation.terminal import Column, console_of_output, print_table, problem_heading

if TYPE_CHECKING:
    from spikes.studies.tune.study import Paying, Tuning
    from theory.advice import Advice, Profile

__all__ = ["print_paying", "print_tuning"]

_COLUMNS = (
    Column("", words=True),
    Column("η"),
    Column("λ"),
    Column("samples, step + fit", leave=1),
    Column("test error"),
    Column("simulated"),
    Column("within 1 %", words=True, leave=2),
)


def print_tuning(found: Tuning) -> None:
    """The problem as stated, random features and each recommendation."""
    console = console_of_output()
    console.print(problem_heading(found.problem), markup=False)
    stated, checked = found.problem, {name: estimate_text(of) for name, of in found.checked.items()}
    sizes = f"{stated.n0} + {stated.n}"
    first = [number_text(stated.step_size, 3), number_text(stated.ridges[0], 3), sizes, number_text(found.stated)]
    rows = [["as stated", *first, checked.get("stated", ""), ""]]
    rows.append(_line("random features, best λ", found.features, checked.get("random features", "")))
    rows.append(_line("best λ", found.ridge, ""))
    last = checked.get("recommended", "")
    rows.append(_line("best η and λ", found.step, last if found.split is None else ""))
    if found.split is not None:
        rows.append(_line("best split, η and λ", found.split, last))
    shown = [i for i, column in enumerate(_COLUMNS) if checked or column.name != "simulated"]
    print_table(console, [_COLUMNS[i] for i in shown], [[row[i] for i in shown] for row in rows])
    console.print(found.remark(), markup=False)
    best = found.recommended
    if best.problem.update.kind != "gd" and best.problem.step_size > 0.0:
        console.print(f"learning rate of the optimizer: {number_text(best.problem.learning_rate)}", markup=False)
    for reason in best.validity:
        console.print(f"outside what was checked: {reason}", markup=False)


_SYMBOLS = {"ridge": "λ", "eta": "η", "n_step": "n₀"}


def _line(name: str, advice: Advice, checked: str) -> list[str]:
    best = advice.problem
    step = best.step_size > 0.0
    shown = [_within(_SYMBOLS[key], profile) for key, profile in advice.profiles.items() if step or key == "ridge"]
    return [
        name,
        number_text(best.step_size, 3),
        number_text(best.ridges[0], 3),
        f"{best.n0} + {best.n}" if step else f"0 + {best.n}",
        number_text(advice.test_error),
        checked,
        ", ".join(shown),
    ]


def _within(symbol: str, profile: Profile) -> str:
    low, high = profile.within
    return f"{symbol} {number_text(low, 3)} to {number_text(high, 3)}"


def print_paying(found: Paying) -> None:
    """The gain of a step at every point of the map, in per cent."""
    console, problem = console_of_output(), found.problem
    sizes = f"d = {problem.d}, N = {problem.width}, n_step = n"
    console.print(problem_heading(problem, sizes=sizes, noise=False), markup=False)
    of = found.map
    columns = (Column("noise"), *(Column(f"{x:.3g}") for x in of.samples_per_dimension))
    rows = [
        [number_text(noise, 3), *(f"{100.0 * g:.1f}{'*' if e else ''}" for g, e in zip(gains, edges, strict=True))]
        for noise, gains, edges in zip(of.noise, of.gain, of.at_edge, strict=True)
    ]
    print_table(console, columns, rows, "gain of a step in %, over all samples per dimension")
    if of.at_edge.any():
        console.print("* the best step is the largest that the law was compared with", markup=False)
    console.print(found.remark(), markup=False)
