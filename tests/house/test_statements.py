"""The list of statements in docs/theory.md: every claim about the papers stands there, every name in it is one."""

import re
from pathlib import Path

from typer.main import get_command

from spikes.cli import app
from spikes.papers import PAPERS
from spikes.validation import registry

PAGE = (Path(__file__).parents[2] / "docs/theory.md").read_text()
LINES = [line.split("|")[1:-1] for line in PAGE.partition("## Statements")[2].partition("## Sources")[0].splitlines()]
LINES = [cells for cells in LINES if len(cells) == 4][2:]  # without the heads


def test_every_claim_about_the_papers_is_listed():
    named = {name for cells in LINES for name in re.findall(r"`([\w-]+/[\w-]+)`", cells[3])}
    assert named <= set(registry())
    assert {name for name in registry() if name.split("/")[0] in ("nonlinear", "giant", "local")} <= named


def test_every_command_of_the_list_is_one():
    program = get_command(app)
    for _, source, commands, claims in LINES:
        assert source.strip()
        assert claims.strip()
        typed = [text for text in re.findall(r"`([^`]+)`", commands) if text.startswith("spikes ")]
        assert typed, commands
        for text in typed:
            _, *words = text.split()
            group = program
            while words and hasattr(group, "commands"):
                group = group.commands[words.pop(0)]
            if group.name == "reproduce":
                paper = next(p for p in PAPERS if p.number == words[0])
                assert set(words[1:]) <= set(paper.recipes)
