"""What a user finds who types `spikes` and little more."""

import shlex

import pytest
import typer

from spikes.cli import app
from spikes.cli.examples import EXAMPLES


def commands(group=None, words=()):
    """Every command that can be typed, by its words."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


COMMANDS = dict(commands())


@pytest.mark.parametrize("line", [(), ("nonlinear",), ("giant",), ("local",)])
def test_a_group_alone_says_what_there_is(spikes, line):
    code, out, err = spikes(*line)
    assert (code, err) == (0, "")
    assert out.startswith("Usage:")
    assert "…" not in out
    assert "..." not in out.replace("[ARGS]...", "")
    assert max(map(len, out.splitlines())) <= 80
    assert spikes(*line, "-h")[1] == out == spikes(*line, "--help")[1]


def test_version(spikes):
    code, out, _ = spikes("--version")
    assert code == 0
    assert out.startswith("spikes-rmt ")
    assert "numpy" in out


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_examples_that_its_parser_takes(spikes, words):
    code, out, _ = spikes(*words.split(), "--help")
    assert code == 0
    for example in EXAMPLES[words]:
        assert example in out
        arguments = shlex.split(example.partition("|")[0])
        assert arguments[: 1 + len(words.split())] == ["spikes", *words.split()]
        COMMANDS[words].make_context(words, arguments[1 + len(words.split()) :])


def test_there_is_no_example_of_a_command_that_is_gone():
    assert set(EXAMPLES) == set(COMMANDS)
