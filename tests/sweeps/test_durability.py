"""Results files under damage, replacement and hostile hands: no other number is ever taken for a result."""

import contextlib
import csv
import logging
import random
import shutil
import sqlite3
import time

import pytest

from spikes import open_results, sweep
from spikes.simulation.one_step import simulate
from spikes.sweeps import store
from spikes.sweeps.study import as_study
from spikes.sweeps.summary import records, write_csv

STUDY = """seeds = 3
keep = ["test_error", "alignment_1"]
gradient_order = 1
test_samples = 64
[problem]
n = 60
width = 40
d = [20, 30]
target = "-z + He2(z)"
ridge = [0.1, 1.0]
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return sweep(as_study(STUDY), tmp_path_factory.mktemp("sweep") / "whole.sqlite", workers=1)


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copy(whole.path, tmp_path / "copy.sqlite")


def numbers(path) -> list:
    results = open_results(path)
    drop = ("seconds", "session", "finished")
    return [
        [{name: value for name, value in row.items() if name not in drop} for row in rows]
        for rows in (results.cells(), results.runs(), results.theory())
    ]


def execute(path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def resumed(path):
    return sweep(as_study(STUDY), path, resume=True, workers=1)


@pytest.mark.parametrize("copies", [30, pytest.param(200, marks=pytest.mark.study)])
def test_flipped_bytes(whole, tmp_path, copies):
    """Ten bytes flipped at random: refused, or the rows named and computed again to the same bits."""
    raw, expected, dice = whole.path.read_bytes(), numbers(whole.path), random.Random(copies)
    mended = 0
    for i in range(copies):
        damaged = bytearray(raw)
        for at in dice.sample(range(len(raw)), 10):
            damaged[at] ^= dice.randint(1, 255)
        path = tmp_path / f"{i}.sqlite"
        path.write_bytes(damaged)
        with contextlib.suppress(ValueError, OSError):
            assert numbers(path) == expected  # where nothing lies
            continue
        with contextlib.suppress(ValueError, OSError):
            resumed(path)
            assert numbers(path) == expected
            mended += 1
    assert mended > 0


def test_damaged_rows_are_named_and_computed_again(whole, copy, caplog):
    execute(
        copy,
        "UPDATE runs SET test_error = test_error + 1e-12 WHERE cell = 2 AND seed = 1",
        "UPDATE runs SET seed = 77 WHERE cell = 3 AND seed = 0",
        "UPDATE theory SET remark = 'none' WHERE cell = 0",
    )
    with pytest.raises(ValueError, match=r"damaged: cell 2, seed 1; cell 3, seed 77; .*computes again what is damaged"):
        open_results(copy).runs()
    with pytest.raises(ValueError, match="damaged: cell 0, prediction"):
        open_results(copy).theory()
    with caplog.at_level(logging.WARNING, "spikes"):
        logging.getLogger("spikes").propagate = True
        resumed(copy)
    assert "damaged, and computed again: cell 2, seed 1; cell 3, seed 77" in caplog.text
    assert numbers(copy) == numbers(whole.path)


def test_a_row_of_one_penalty_that_is_lost(whole, copy):
    execute(copy, "DELETE FROM runs WHERE cell = 1 AND seed = 2", "DELETE FROM theory WHERE cell = 3")
    before = {(r["cell"], r["seed"]): r["finished"] + str(r["session"]) for r in open_results(copy).runs()}
    assert resumed(copy).complete()
    assert numbers(copy) == numbers(whole.path)
    after = {(r["cell"], r["seed"]): r["finished"] + str(r["session"]) for r in open_results(copy).runs()}
    assert {key: after[key] for key in before} == before  # what was there stays


def test_other_versions_are_said_and_kept(copy, caplog, monkeypatch):
    execute(copy, "DELETE FROM runs WHERE cell = 1 AND seed = 2")
    here = store.package_versions()
    monkeypatch.setattr(store, "package_versions", lambda: here | {"numpy": "9.9"})
    with caplog.at_level(logging.WARNING, "spikes"):
        logging.getLogger("spikes").propagate = True
        results = resumed(copy)
    assert f"were computed with numpy {here['numpy']}; now numpy 9.9" in caplog.text
    versions = {s["session"]: s["versions"]["numpy"] for s in results.sessions()}
    assert {versions[r["session"]] for r in results.runs()} == {here["numpy"], "9.9"}


@pytest.mark.slow
@pytest.mark.parametrize("by", ["another", "nothing"])
def test_a_file_that_is_replaced_meanwhile(tmp_path, monkeypatch, by):
    study, path, other = as_study(STUDY), tmp_path / "a.sqlite", tmp_path / "other.sqlite"
    with store.open_writer(other, study):
        pass
    calls = []

    def replacing(problem, sequence, **options):
        calls.append(sequence)
        if len(calls) == 3 and by == "another":
            other.replace(path)
        elif len(calls) == 3:
            path.unlink()
        return simulate(problem, sequence, **options)

    monkeypatch.setattr("spikes.sweeps.run.simulate", replacing)
    with pytest.raises(OSError, match=r"a\.sqlite was moved or replaced while the sweep was writing to it"):
        sweep(study, path, workers=1)


@pytest.mark.slow
def test_rows_that_are_taken_away_meanwhile(tmp_path, monkeypatch):
    path = tmp_path / "a.sqlite"
    calls = []

    def thief(problem, sequence, **options):
        calls.append(sequence)
        if len(calls) == 4:
            execute(path, "DELETE FROM runs WHERE seed = 0")
        return simulate(problem, sequence, **options)

    monkeypatch.setattr("spikes.sweeps.run.simulate", thief)
    with pytest.raises(OSError, match=r"holds only \d+ of 12 rows, 4 of 4 predictions after the sweep"):
        sweep(as_study(STUDY), path, workers=1)
    assert resumed(path).complete()


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS cell FROM c"


@pytest.mark.parametrize(
    "statements",
    [
        ["DROP TABLE cells", f"CREATE VIEW cells AS {ENDLESS}"],
        ["DROP TABLE study", f"CREATE VIEW study AS {ENDLESS}"],
        ["ALTER TABLE runs DROP COLUMN seconds"],
        ["ALTER TABLE runs ADD COLUMN more REAL AS (cell + 1)"],
        ["CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM theory; END"],
        ["CREATE TABLE extra (x)"],
        ["UPDATE study SET value = x'00ff' WHERE key = 'text'"],
        ["UPDATE study SET value = replace(value, '0.1', '0.2') WHERE key = 'text'"],
        ["UPDATE cells SET ridge = 0.3 WHERE cell = 1"],
        ["UPDATE cells SET target = 'z' || char(27) || '[2J'"],
        ["DELETE FROM cells WHERE cell = 3"],
        ["UPDATE runs SET test_error = x'41' WHERE cell = 1"],
        ["UPDATE runs SET test_error = 'text' WHERE cell = 1"],
        ["UPDATE runs SET test_error = 9e999 WHERE cell = 1"],
        ["UPDATE runs SET cell = 'a' || seed WHERE cell = 1"],
        [
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_schema SET sql = 'CREATE TABLE cells (cell)' WHERE name = 'cells'",
        ],
    ],
)
def test_hostile_files(copy, statements):
    connection = sqlite3.connect(copy, isolation_level=None)
    for statement in statements:
        try:
            connection.execute(statement)
        except sqlite3.Error:  # what SQLite itself does not let anyone do
            pytest.skip("refused by SQLite")
    connection.close()
    start = time.process_time()
    with pytest.raises((ValueError, OSError)) as caught:
        numbers(copy)
    assert str(copy) in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert time.process_time() - start < 2.0


def test_forged_checksums_do_not_make_numbers(copy):
    connection = sqlite3.connect(copy)
    connection.row_factory = sqlite3.Row
    row = dict(connection.execute("SELECT * FROM runs WHERE cell = 1 AND seed = 0").fetchone())
    row.pop("checksum")
    row["test_error"] = "text"
    connection.execute(
        "UPDATE runs SET test_error = 'text', checksum = ? WHERE cell = 1 AND seed = 0", (store._checksum("runs", row),)
    )
    connection.commit()
    connection.close()
    with pytest.raises(ValueError, match="damaged: cell 1, seed 0"):
        open_results(copy).runs()


def test_texts_that_spreadsheets_take_for_formulas_are_defused(whole, tmp_path):
    write_csv(str(tmp_path / "a.csv"), records(whole))
    with open(tmp_path / "a.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["target"] for row in rows} == {"'-z + He2(z)"}
    assert [float(row["test_error"]) for row in rows] == [run["test_error"] for run in whole.runs()]
    assert any(float(row["alignment_1_1"]) < 0.0 for row in rows)  # numbers stay numbers
