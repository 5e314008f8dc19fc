"""The command line. Everything heavy is imported where it is used: ``spikes --help`` has to be quick."""

from __future__ import annotations

import os
import re
import sys
from typing import NoReturn

import typer

from spikes.cli import (
    giant_steps,
    local_analysis,
    matrix_free,
    nonlinear_features,
    one_step,
    own_matrix,
    readout,
    sweeps,
    validation,
)
from spikes.runtime.text import printable, speak_any_encoding

__all__ = ["app", "main"]

app = typer.Typer(
    name="spikes",
    help="Random matrix theory beside simulation for feature learning after a giant gradient step.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_COMMANDS = (
    one_step.predict,
    one_step.simulate,
    one_step.compare,
    own_matrix.spectrum,
    readout.readout,
    matrix_free.matrix_free,
    sweeps.sweep,
    sweeps.results,
    sweeps.plot,
    validation.validate,
)
for command in _COMMANDS:
    app.command()(command)
app.add_typer(nonlinear_features.app, name="nonlinear")
app.add_typer(giant_steps.app, name="giant")
app.add_typer(local_analysis.app, name="local")


def main() -> None:
    """Run the command line: exit code 2 for bad input, 1 for a computation that failed, 130 for an interrupt."""
    speak_any_encoding(sys.stdout)
    speak_any_encoding(sys.stderr)
    try:
        status = app(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except ValueError as error:
        _fail(_as_options(str(error)), 2)
    except BrokenPipeError:
        # Nobody reads on, as after `head`: what is left to print at the exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _fail("the reader of the output has gone", 1)
    except MemoryError as error:
        _fail(_as_options(str(error) or "memory is exhausted; take a smaller problem or fewer workers"), 1)
    except RecursionError:
        _fail("the input is nested too deep", 2)
    except (ArithmeticError, ImportError, OSError) as error:
        _fail(_as_options(str(error)), 1)
    except Exception as error:
        # The parser's own complaints: typer has carried its exception classes under more than one name.
        if type(error).__name__ == "Abort":
            _fail("interrupted", 130)
        if not hasattr(error, "format_message"):
            if os.environ.get("SPIKES_TRACEBACK"):
                raise
            words = f"{type(error).__name__}: {_as_options(str(error))}"
            _fail(f"the computation broke down ({words}); SPIKES_TRACEBACK=1 shows where", 1)
        message = re.sub(r"^Invalid value for '(--[\w-]+)': ", r"\1 ", error.format_message())
        _fail(message, getattr(error, "exit_code", 2))
    if status == 130:  # newer typer answers an interrupt itself, without a word
        _fail("interrupted", 130)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int) -> NoReturn:
    if sys.stderr is not None:
        sys.stderr.write(f"spikes: {printable(' '.join(message.split()))}\n")
    sys.exit(status)


def _as_options(message: str) -> str:
    """`second_layer` as --second-layer and `step` = 2 as --step 2, where the command asked for has such an option."""
    command = typer.main.get_command(app)
    for word in sys.argv[1:]:
        command = getattr(command, "commands", {}).get(word, command)
    options = {parameter.name: parameter.opts[0] for parameter in command.params}
    options |= {o.strip("-").replace("-", "_"): o for p in command.params for o in p.opts if o.startswith("--")}

    def named(found: re.Match) -> str:
        name, equals = found.groups()
        if not options.get(name, "").startswith("--"):
            return f"{name}{equals or ''}"
        return options[name] + (" " if equals else "")

    return re.sub(r"`([^`]*)`( = )?", named, message)
