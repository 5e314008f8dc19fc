"""Every command of README and pages, at sizes that are quick, on four widths: no number is cut or invented."""

import json
import math
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from safetensors.numpy import save_file

from spikes import cli, sweep
from spikes.agreement import Row, p_value
from spikes.cli.options import Answer

ROOT = Path(__file__).parents[2]
WIDTHS = (60, 80, 100, 140)
WIDE = 240
LINE = re.compile(r"^(?:\$ )?(spikes [a-z-]+(?: .*?)?)(?:\s+#.*)?$", re.M)
# What of a page takes long is made small: the last of an option given twice counts.
SMALL = "--n 60 --d 20 --width 30"
RUN = "--seeds 4 --workers 1 --quiet"
TINY = {
    "predict": SMALL,
    "simulate": f"{SMALL} {RUN}",
    "simulate --data": f"--width 30 {RUN}",
    "compare": f"{SMALL} {RUN}",
    "tune": f"{SMALL} --workers 1 --quiet",
    "tune --map": f"{SMALL} --workers 1 --quiet --map 1,4 --map-noise 0,1",
    "spectrum": "",
    "readout": "--n 5,20 --splits 5 --quiet",
    "matrix-free": f"--n 80 --d 20 --width 30 --n-step 80 --steps 0 {RUN}",
    "nonlinear spectrum": f"{SMALL} {RUN} --alphas 0.2 --points 2",
    "nonlinear conditions": "",
    "giant analyse": "",
    "giant step": f"--n 60 --d 20 --width 16 {RUN}",
    "giant trajectory": f"--n 60 --d 20 --width 16 --steps 2 {RUN}",
    "giant curve": f"--n 256 --d 16 --width 16 --exponents 1.5,1.8 {RUN}",
    "validate": "",
    "results": "",
}
ELSEWHERE = ("explore", "plot", "sweep", "rerun", "reproduce")  # a page, a picture, a line, a sentence, a folder
OUTPUTS = ("--figure", "--json", "--report", "--clean", "--checkpoint", "--csv", "--parquet", "--output", "--size")
QUICK = ("giant analyse", "giant step", "giant trajectory", "spectrum", "readout", "results", "validate")


def of_pages():
    """The command lines, without what they write, each once; what needs hours or a cluster is left out."""
    texts = [(ROOT / "README.md").read_text(), *(p.read_text() for p in sorted((ROOT / "docs").rglob("*.md")))]
    lines = {}
    for line in (
        m for text in texts for block in re.findall(r"```\w*\n(.*?)```", text, re.S) for m in LINE.findall(block)
    ):
        words = shlex.split(line)[1:]
        group = 2 if words[0] in ("giant", "nonlinear", "local") else 1
        name = " ".join(words[:group])
        hard = ("--scheduler", "--claims")
        if (
            name in ELSEWHERE
            or (name not in TINY and words[0] == "of")
            or any(w in words for w in hard)
            or (name == "validate" and "--list" not in words)
        ):
            continue
        kept, rest = [], iter(words[group:])
        for word in rest:
            if word in OUTPUTS:
                next(rest)
            else:
                kept.append(word)
        kind = next((word for word in ("--data", "--map") if word in words), "")
        lines[" ".join([name, *map(shlex.quote, kept)])] = f"{name} {kind}".rstrip()
    return lines


PAGES = of_pages()


def test_the_pages_show_commands():
    assert {"predict", "compare", "simulate", "spectrum", "readout", "giant curve"} <= set(PAGES.values())
    assert set(PAGES.values()) <= set(TINY)


@pytest.fixture
def shown(spikes, tmp_path, monkeypatch, capsys):
    """Of a command line its answer in JSON, and what it prints on terminals of several widths."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    table = rng.standard_normal((120, 6))
    np.savetxt("table.csv", table, delimiter=",", header="a,b,c,d,e,target", comments="")
    np.save("features.npy", table[:, :5])
    np.save("labels.npy", table[:, 5])
    inputs = rng.standard_normal((120, 8))
    np.savez("inputs.npz", X=inputs, y=inputs[:, 0])
    np.save("X.npy", inputs)
    np.save("y.npy", inputs[:, 0])
    for name in ("model.safetensors", "start.safetensors"):
        save_file({f"layer.{i}.weight": rng.standard_normal((30, 20)) for i in range(2)}, name)
    kept = []

    def keep(*arguments, **named):
        kept.append(Answer(*arguments, **named))
        return kept[-1]

    for module in vars(cli).values():
        if getattr(module, "Answer", None) is Answer and module.__name__.startswith("spikes.cli."):
            monkeypatch.setattr(module, "Answer", keep)

    def run(line):
        name = PAGES[line]
        words = shlex.split(line)
        if name == "results":
            monkeypatch.setattr("sys.argv", ["spikes"])
            (tmp_path / "s.toml").write_text(
                'seeds = 4\nkeep = ["test_error"]\ngradient_order = 1\ntest_samples = 64\n[problem]\nn = 60\nd = 20\n'
                "width = 30\nalpha = [0.2, 0.3]\n"
            )
            sweep("s.toml", "sweep.sqlite", workers=1)
            words = ["results", "sweep.sqlite"]
        code, _, err = spikes(*words, *TINY[name].split())
        assert code == 0, err
        texts = {}
        for width in (*WIDTHS, WIDE):
            monkeypatch.setenv("COLUMNS", str(width))
            monkeypatch.setenv("FORCE_COLOR", "1")
            kept[-1].show()
            texts[width] = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
        return json.loads(json.dumps(kept[-1].content())), texts

    return run


NUMBER = re.compile(r"(?<![\w.])−?\d+\.?\d*(?:e−?\d+)?(?![\w.])")


def numbers_of(text):
    return set(NUMBER.findall(text))


def leaves(content, path=()):
    """Every number of an answer, and those that a page may make of it: squares, roots, per cent, p-values."""
    if isinstance(content, dict):
        if set(Row._fields) <= set(content):
            r = Row(**{k: math.nan if content[k] is None else content[k] for k in Row._fields})
            yield p_value(r)
        for key, value in content.items():
            yield from leaves(value, (*path, key))
            yield from map(float, NUMBER.findall(str(key).replace("-", "−")) if "−" not in str(key) else ())
    elif isinstance(content, list):
        yield float(len(content))
        for value in content:
            yield from leaves(value, path)
    elif isinstance(content, str):
        yield from map(float, (n.replace("−", "-") for n in NUMBER.findall(content)))
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield from (content, content**2, abs(content) ** 0.5, 100.0 * content)


def is_of(token, values, *, rounded=False):
    """Whether a printed number is one of the values, rounded to the digits that it has, or to tens beside an error."""
    text = token.replace("−", "-")
    value, mantissa = float(text), text.partition("e")[0]
    places = len(mantissa.partition(".")[2])
    if rounded and "." not in mantissa:
        places -= len(mantissa) - len(mantissa.rstrip("0"))
    power = int(text.partition("e")[2] or 0)
    return bool(np.any(np.abs(values - value) <= 0.501 * 10.0 ** (power - places)))


def marks_of(line):
    """A split of the samples takes a dozen of seconds at any size."""
    return [] if PAGES[line] in QUICK else pytest.mark.study if "--budget" in line else pytest.mark.slow


@pytest.mark.parametrize("line", [pytest.param(line, marks=marks_of(line)) for line in PAGES])
def test_numbers_are_whole_and_those_of_the_json(shown, line):
    content, texts = shown(line)
    whole = numbers_of(texts[WIDE])
    for width in WIDTHS:
        lines = texts[width].splitlines()
        tables = [x for x in lines if x[:1] in "│┃┏┡└├"]
        assert max(map(cell_len, tables), default=0) <= width
        assert not re.search(r"\d…\s*(?:[│┃]|$)", texts[width], re.M)
        cells = {cell.strip() for x in tables for cell in re.split("[│┃]", x)}
        numeric = "\n".join(cell for cell in cells if re.fullmatch(r"[−\d.e± %]+", cell))  # words may be broken
        assert numbers_of(numeric) <= whole, f"at {width} columns"
        stacked = [x.partition(": ")[2].strip() for x in lines if x.startswith("  ")]
        below = " ".join(x.strip() for x in lines if x not in tables)
        left_out = " ".join(re.findall(r"too narrow for: .*", below))
        for head, *column in columns_of(texts[WIDE]):
            if head not in left_out:
                assert [c for c in column if c not in cells and c not in stacked and NUMBER.fullmatch(c)] == [], width
    values = np.array([v for v in leaves(content) if math.isfinite(v)])
    cells = [cell for _, *column in columns_of(texts[WIDE]) for cell in column]
    printed = {(token, "±" in cell) for cell in cells for token in NUMBER.findall(cell)}
    assert [token for token, error in sorted(printed) if not is_of(token, values, rounded=error)] == []


def columns_of(text):
    """The columns of the tables in a text, heads first."""
    found, table = [], []
    for x in [*text.splitlines(), ""]:
        if x[:1] in ("┃", "│"):
            table.append([cell.strip() for cell in re.split("[│┃]", x)[1:-1]])
        elif x[:1] not in ("┡", "├"):
            found += [list(c) for c in zip(*table, strict=True)] if table else []
            table = []
    return found
