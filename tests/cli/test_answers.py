"""Every command ends alike: the same options say where an answer goes, and bars keep to standard error."""

import json
import logging

import pytest
import typer
from typer.main import get_command

from spikes.cli import app
from spikes.cli.options import Answer, answers
from spikes.runtime.progress import progress_bar, progress_hidden


def commands(group, prefix=""):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


COMMANDS = dict(commands(get_command(app)))


# explore is a page and no answer; fits of a readout take a moment and no tasks
@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "explore"])
def test_options_are_the_same_everywhere(name):
    found = {option: p for p in COMMANDS[name].params for option in p.opts}
    assert found["--json"].help == "Write JSON to this file, or to standard output with -."
    assert ("--figure" in found) == ("--size" in found) == (name not in ("sweep", "results", "reproduce"))
    assert ("--quiet" in found) == ("--workers" in found) or name == "readout"  # what runs tasks shows a bar
    if "--quiet" in found:
        assert found["--quiet"].help == "No progress bar and no log; results are still printed."


@pytest.fixture
def made(monkeypatch):
    """What was made, in order, by a command that only says so."""
    done = []

    @answers(progress=True)
    def command(number: int = 1) -> Answer:
        done.append("work")
        logging.getLogger("spikes").info("a remark")
        return Answer(
            lambda: done.append("json") or {"number": number},
            lambda: done.append("print") or print("shown"),
            lambda: done.append("figure"),
        )

    monkeypatch.setattr("spikes.presentation.figure.save_figure", lambda path, draw, *, size: draw())
    app = typer.Typer()
    app.command()(command)

    def run(*arguments: str) -> list[str]:
        done.clear()
        get_command(app)(list(arguments), standalone_mode=False)
        return list(done)

    return run


def test_what_is_asked_for_is_made_in_order(made, capsys, tmp_path):
    figure, path = str(tmp_path / "a.png"), tmp_path / "a.json"
    assert made() == ["work", "print"]
    assert capsys.readouterr() == ("shown\n", "spikes: a remark\n")
    assert made("--quiet", "--json", str(path), "--figure", figure) == ["work", "figure", "json", "print"]
    assert capsys.readouterr() == (f"shown\nfigure written to {figure}\n", "")
    assert json.loads(path.read_text()) == {"number": 1}
    assert made("--json", "-", "--figure", figure, "--number", "3") == ["work", "figure", "json"]
    assert json.loads(capsys.readouterr().out) == {"number": 3}


@pytest.mark.parametrize("option", [["--json", "/nowhere/a.json"], ["--figure", "/nowhere/a.png"]])
def test_paths_are_refused_before_the_work(made, option):
    with pytest.raises(ValueError, match="must be writable"):
        made(*option)
    assert made() == ["work", "print"]


def test_bars_go_to_standard_error_and_are_hidden_on_demand(spikes, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # standard error counts as a terminal
    run = ["simulate", "--n", "60", "--d", "20", "--width", "30", "--seeds", "2", "--workers", "1"]
    code, out, err = spikes(*run)
    assert (code, "runs" in err, "runs" in out) == (0, True, False)
    code, quiet, err = spikes(*run, "--quiet")
    assert (code, quiet, err) == (0, out, "")


def test_a_hidden_bar_counts_no_steps(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_hidden(), progress_bar("steps", 3) as advance:
        advance()
    assert capsys.readouterr().err == ""
    with progress_hidden(False), progress_bar("steps", 3) as advance:
        advance()
    assert "steps" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(("command", "shown"), [("simulate", "singular value s"), ("compare", "test error, λ = 0.1")])
def test_what_has_finished_is_printed_on_an_interrupt(spikes, monkeypatch, command, shown):
    from spikes.simulation import ensemble

    real, done = ensemble._run, []

    def run(*task):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(task)
        return real(*task)

    monkeypatch.setattr(ensemble, "_run", run)
    line = [command, "--n", "120", "--d", "40", "--width", "60", "--seeds", "5", "--workers", "1", "--quiet"]
    code, out, err = spikes(*line)
    assert (code, err) == (130, "spikes: interrupted\n")
    assert out.startswith("interrupted: 2 of 5 runs finished\n")
    assert "2 seeds" in out
    assert shown in out or "no spike stands apart" in out
    done.clear()
    code, out, err = spikes(*line, "--json", "-")
    assert (code, out) == (130, "")
