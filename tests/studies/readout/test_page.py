"""The page on a user's own data shows programs that run."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "how_to" / "own_data.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def test_features_of_digits(capsys, drawn):
    exec(compile(PROGRAMS[0], str(PAGE), "exec"), {})
    assert "labels give a test error of" in capsys.readouterr().out


def test_bridge_from_torch(capsys):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    exec(compile(PROGRAMS[1], str(PAGE), "exec"), {})
    out = capsys.readouterr().out
    assert "200 labels give a test error of" in out
    assert "out of" in out


def test_no_program_is_left_out():
    assert len(PROGRAMS) == 2
