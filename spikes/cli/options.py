"""Options that commands share: the problem, the seeds, and where results go."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any

import typer

__all__ = [
    "Dtype",
    "Figure",
    "GradientOrder",
    "Json",
    "Method",
    "Seed",
    "Seeds",
    "Workers",
    "check_outputs",
    "integer_option",
    "numbers",
    "real_option",
    "takes_problem",
]


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"must be an integer; got {text!r}") from None


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"must be a number; got {text!r}") from None


def integer_option(name: str, help: str) -> Any:
    """An integer option whose complaint names option, rule and value."""
    return typer.Option(name, parser=_integer, metavar="INTEGER", help=help)


def real_option(name: str, help: str) -> Any:
    """A real option whose complaint names option, rule and value."""
    return typer.Option(name, parser=_real, metavar="FLOAT", help=help)


def numbers(name: str, text: str) -> tuple[float, ...]:
    """Numbers separated by commas."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"`{name}` must be numbers separated by commas; got {text!r}") from None


Seeds = Annotated[int, integer_option("--seeds", "Independent simulations.")]
Seed = Annotated[int, integer_option("--seed", "Seed of them all.")]
Workers = Annotated[int | None, integer_option("--workers", "Processes; as many as processors by default.")]
Dtype = Annotated[str, typer.Option("--dtype", help="float64 or float32.")]
Method = Annotated[
    str, typer.Option("--method", help="Spectrum by the gram matrix, by svd, or streamed, never storing F.")
]
Json = Annotated[str | None, typer.Option("--json", help="Write JSON to this file, or to standard output with -.")]
Figure = Annotated[str | None, typer.Option("--figure", help="Draw to this .png, .pdf or .svg file.")]
GradientOrder = Annotated[
    int, integer_option("--gradient-order", "1: rank-one gradient alone; 2: its matrix term as well.")
]

# name: (annotation, default); the names are those of theory.Problem, but for --center.
_PROBLEM: dict[str, tuple[Any, Any]] = {
    "n": (Annotated[int, integer_option("--n", "Samples for the features and the ridge fit.")], 2000),
    "n_step": (
        Annotated[int | None, integer_option("--n-step", "Fresh samples of the gradient step; n by default.")],
        None,
    ),
    "d": (Annotated[int, integer_option("--d", "Input dimension.")], 1000),
    "width": (Annotated[int, integer_option("--width", "Hidden neurons N.")], 1500),
    "activation": (
        Annotated[
            str,
            typer.Option("--activation", help="relu, tanh, erf, softplus, sigmoid, gelu, silu, sin or He1 ... He5."),
        ],
        "relu",
    ),
    "centered": (
        Annotated[bool, typer.Option("--center/--no-center", help="Subtract E sigma(Z) from the activation.")],
        True,
    ),
    "target": (
        Annotated[str, typer.Option("--target", help='Expression in z, or in z1, z2, z3: "z1 + z1*z2".')],
        "z + 0.5*He2(z)",
    ),
    "noise": (Annotated[float, real_option("--noise", "Standard deviation of the label noise.")], 0.5),
    "alpha": (
        Annotated[float, real_option("--alpha", "Exponent of the step size, eta = scale * n_step**alpha.")],
        0.36,
    ),
    "scale": (Annotated[float, real_option("--scale", "Factor of the step size.")], 1.0),
    "eta": (
        Annotated[float | None, real_option("--eta", "The step size itself; overrides --alpha and --scale.")],
        None,
    ),
    "second_layer": (
        Annotated[str, typer.Option("--second-layer", help="gaussian, rademacher or constant.")],
        "gaussian",
    ),
    "ridge": (Annotated[str, typer.Option("--ridge", help="Penalty, or several separated by commas.")], "0.1"),
}


def takes_problem(*without: str, **defaults: Any) -> Callable[[Callable], Callable]:
    """Give a command whose first argument is a `theory.Problem` the options that state one.

    Parameters
    ----------
    *without
        Fields of the problem that this command does not look at, or sets itself: they get no option.
    **defaults
        Defaults of this command that differ from the common ones, by the names of the problem's fields.
    """

    def decorate(command: Callable) -> Callable:
        hints = typing.get_type_hints(command, include_extras=True)
        own = list(inspect.signature(command).parameters.values())[1:]
        stated = {name: option for name, option in _PROBLEM.items() if name not in without}

        @functools.wraps(command)
        def run(**options: Any) -> Any:
            from theory.problem import Problem

            fields = {name: options.pop(name) for name in stated}
            if "ridge" in fields:
                fields["ridge"] = numbers("ridge", fields["ridge"])
            return command(Problem(**fields), **options)

        kind = inspect.Parameter.KEYWORD_ONLY
        parameters = [
            inspect.Parameter(name, kind, default=defaults.get(name, default), annotation=annotation)
            for name, (annotation, default) in stated.items()
        ]
        parameters += [p.replace(kind=kind, annotation=hints[p.name]) for p in own]
        run.__signature__ = inspect.Signature(parameters)
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        del run.__wrapped__
        return run

    return decorate


def check_outputs(json: str | None, figure: str | None) -> None:
    """Refuse output paths that cannot be written, before any work is done for them."""
    from spikes.output import FIGURE_SUFFIXES, check_writable

    check_writable("json", json)
    check_writable("figure", figure, FIGURE_SUFFIXES)
