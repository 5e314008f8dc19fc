"""Every figure is drawn by a script of its name and stands in the gallery with its command and run time."""

import re
from pathlib import Path

import pytest

FIGURES = Path(__file__).parents[2] / "figures"
ROW = re.compile(
    r"^\| \[!\[[^\]]+\]\((\w+)\.png\)\]\(\1\.png\) \| .{20,} "
    r"\[Script\]\(\1\.py\), \[numbers\]\(\1\.csv\); [\d.]+ (?:s|min)\. \|$",
    re.M,
)


def complaints(folder: Path) -> set[str]:
    """What is missing of picture, numbers and row, or has no script."""
    gallery = (folder / "README.md").read_text()
    scripts, pictures, numbers = ({p.stem for p in folder.glob(f"*.{suffix}")} for suffix in ("py", "png", "csv"))
    return {
        f"{name}: {what}"
        for what, found in (("picture", pictures), ("numbers", numbers), ("row", set(ROW.findall(gallery))))
        for name in scripts ^ found
    }


def test_gallery_is_complete():
    assert complaints(FIGURES) == set()


@pytest.mark.parametrize("left_out", ["picture", "row", "numbers", "script", "thumbnail", "link to the numbers"])
def test_gaps_are_seen(tmp_path, left_out):
    row = "| [![alt](a.png)](a.png) | A claim of some length. [Script](a.py), [numbers](a.csv); 3 s. |\n"
    if left_out == "thumbnail":
        row = row.replace("[![alt](a.png)](a.png)", "a")
    elif left_out == "link to the numbers":
        row = row.replace(", [numbers](a.csv)", "")
    (tmp_path / "README.md").write_text((left_out != "row") * row)
    missing = {"picture": {"a.png"}, "numbers": {"a.csv"}, "script": {"a.py"}}.get(left_out, set())
    for name in {"a.py", "a.png", "a.csv"} - missing:
        (tmp_path / name).touch()
    assert complaints(tmp_path)


def test_no_gap_is_none(tmp_path):
    row = "| [![alt](a.png)](a.png) | A claim of some length. [Script](a.py), [numbers](a.csv); 3 s. |\n"
    (tmp_path / "README.md").write_text(row)
    for name in ("a.py", "a.png", "a.csv"):
        (tmp_path / name).touch()
    assert complaints(tmp_path) == set()


def test_numbers_stand_beside_pictures():
    scripts = {p.stem for p in FIGURES.glob("*.py") if "data=True" in p.read_text()}
    files = {p.stem: p.read_text().splitlines() for p in FIGURES.glob("*.csv")}
    assert set(files) <= scripts
    for name, lines in files.items():
        assert lines[0] == "panel,kind,series,x,y,error", name
        assert len(lines) > 10, name


def test_pictures_are_light():
    heavy = {p.name: p.stat().st_size for p in FIGURES.glob("*.png") if p.stat().st_size > 300_000}
    assert heavy == {}, "a repository keeps every version of a picture"
