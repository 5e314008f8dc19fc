"""The command line. Everything heavy is imported where it is used: ``spikes --help`` has to be quick."""

from __future__ import annotations

import copy
import os
import re
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from spikes.cli import (
    explore,
    giant_steps,
    local_analysis,
    matrix_free,
    nonlinear_features,
    one_step,
    own_matrix,
    papers,
    readout,
    rerun,
    sweeps,
    tune,
    validation,
)
from spikes.cli.examples import EXAMPLES, as_epilog
from spikes.cli.options import COMMANDS
from spikes.runtime.text import printable, speak_any_encoding

__all__ = ["app", "main"]


class Commands(TyperGroup):
    """A group whose help says of each command the whole of its first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a line or more a command."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_sentence(c.help or "")) for name, c in commands if c is not None])


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s", " ".join(text.split()), maxsplit=1)[0]


app = typer.Typer(
    name="spikes",
    cls=Commands,
    help="Random matrix theory beside simulation for feature learning after a giant gradient step.",
    epilog="Every command has examples under its own --help. Start with: spikes compare --figure compare.png",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from spikes.runtime.versions import package_versions

        versions = package_versions()
        print(f"spikes-rmt {versions.pop('spikes-rmt')} ({', '.join(f'{k} {v}' for k, v in versions.items())})")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and stop.")
    ] = False,
) -> None:
    """Random matrix theory beside simulation for feature learning after a giant gradient step."""


_COMMANDS = (
    one_step.predict,
    one_step.simulate,
    one_step.compare,
    own_matrix.spectrum,
    readout.readout,
    matrix_free.matrix_free,
    tune.tune,
    rerun.rerun,
    sweeps.sweep,
    sweeps.results,
    sweeps.plot,
    validation.validate,
    papers.reproduce,
    explore.explore,
)
for command in _COMMANDS:
    app.command()(command)


def _name(command_info: Any) -> str:
    return str(command_info.name or command_info.callback.__name__).replace("_", "-")


_GROUPS = {"nonlinear": nonlinear_features.app, "giant": giant_steps.app, "local": local_analysis.app}
for name, group in _GROUPS.items():
    app.add_typer(group, name=name, cls=Commands)
for words, group in {"": app, **_GROUPS}.items():
    for command_info in group.registered_commands:
        key = f"{words} {_name(command_info)}".strip()
        command_info.epilog = as_epilog(EXAMPLES[key])
        if getattr(command_info.callback, "body", None) is not None:
            COMMANDS[key] = command_info.callback  # type: ignore[assignment]


def _lean(arguments: list[str]) -> typer.Typer:
    """The app with the options of the command that is asked for; of the others it knows name and help alone.

    Reading the options of all is a third of what ``spikes --help`` takes.
    """
    if any(name.endswith("_COMPLETE") for name in os.environ):  # a shell asks what may follow
        return app
    asked = next((word for word in arguments if not word.startswith("-")), "")
    lean = copy.copy(app)
    lean.registered_commands = [
        info if _name(info) == asked else _without_options(info) for info in app.registered_commands
    ]
    lean.registered_groups = []
    for info in app.registered_groups:
        group = copy.copy(info)
        if info.name != asked and info.typer_instance is not None:
            group.typer_instance = copy.copy(info.typer_instance)
            group.typer_instance.registered_commands = []
        lean.registered_groups.append(group)
    return lean


def _without_options(info: Any) -> Any:
    def unread() -> None: ...

    unread.__name__, unread.__doc__ = info.callback.__name__, info.callback.__doc__
    other = copy.copy(info)
    other.callback = unread
    return other


def main() -> None:
    """Run the command line: exit code 2 for bad input, 1 for a computation that failed, 130 for an interrupt."""
    speak_any_encoding(sys.stdout)
    speak_any_encoding(sys.stderr)
    try:
        status = _lean(sys.argv[1:])(standalone_mode=False)
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
        if type(error).__name__ == "NoArgsIsHelpError":  # a question, not a mistake
            print(error.ctx.get_help())  # type: ignore[attr-defined]
            sys.exit(0)
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
    """`second_layer` as --second-layer, `step` = 2 as --step 2 and `paper` as PAPER, where the command has such."""
    command = typer.main.get_command(app)
    for word in sys.argv[1:]:
        command = getattr(command, "commands", {}).get(word, command)
    options: dict[str, str] = {}
    arguments: dict[str, str] = {}
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            shown = (parameter.metavar or parameter.name).strip("[].")
            arguments |= {parameter.name: shown, shown.lower(): shown}
        else:
            long = [option.strip("-").replace("-", "_") for option in parameter.opts]
            options |= dict.fromkeys((parameter.name, *long), parameter.opts[0])
    read = next(iter(arguments.values()), options.get("data"))
    if read is not None:  # what functions of Python call that which is read
        arguments = {"path": read, "matrix": read} | arguments

    def named(found: re.Match) -> str:
        name, equals = found.groups()
        if name in options:
            return options[name] + (" " if equals else "")
        return arguments.get(name, name) + (equals or "")

    return re.sub(r"`([^`]*)`( = )?", named, message)
