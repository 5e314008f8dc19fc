"""Every figure is drawn by a script of its name and stands in the gallery with its command and run time."""

import re
from pathlib import Path

import pytest

FIGURES = Path(__file__).parents[2] / "figures"
ROW = re.compile(r"^\| \[`python figures/(\w+)\.py`\]\(\1\.py\) \| .{20,} \| [\d.]+ (?:s|min) \|$", re.M)


def complaints(folder: Path) -> set[str]:
    """What is missing of picture, row and image link, or has no script."""
    gallery = (folder / "README.md").read_text()
    scripts, pictures = ({p.stem for p in folder.glob(f"*.{suffix}")} for suffix in ("py", "png"))
    listed, shown = set(ROW.findall(gallery)), set(re.findall(r"^!\[[^\]]+\]\((\w+)\.png\)$", gallery, re.M))
    return {
        f"{name}: {what}"
        for what, found in (("picture", pictures), ("row", listed), ("image in the gallery", shown))
        for name in scripts ^ found
    }


def test_gallery_is_complete():
    assert complaints(FIGURES) == set()


@pytest.mark.parametrize("left_out", ["picture", "row", "image", "script"])
def test_gaps_are_seen(tmp_path, left_out):
    row, image = "| [`python figures/a.py`](a.py) | A claim of some length. | 3 s |\n", "![alt](a.png)\n"
    (tmp_path / "README.md").write_text((left_out != "row") * row + (left_out != "image") * image)
    for name in {"a.py", "a.png"} - {"picture": {"a.png"}, "script": {"a.py"}}.get(left_out, set()):
        (tmp_path / name).touch()
    assert complaints(tmp_path)


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
