"""A study says what it means or is refused: ranges, products, seeds, and a message for every mistake."""

import math
import re
from pathlib import Path

import pytest

from spikes.sweeps.study import LIMIT, as_study, load_study

BASE = "[problem]\nn = 100\nd = 50\nwidth = 70\n"


def axis(text, name="alpha"):
    return as_study(f"{BASE}{name} = {text}\n").axes[name]


def test_one_cell_by_default():
    study = as_study(BASE)
    assert (study.cells, study.rows, study.axes, study.seeds) == (1, 8, {}, 8)
    assert study.problem["target"] == "z + 0.5*He2(z)"
    (point,) = study.points()
    assert (point.problem.n, point.ridges, point.cells) == (100, (0.1,), (0,))


def test_lists_and_ranges():
    assert axis("[0.1, 0.3]") == (0.1, 0.3)
    assert axis("{start = 0, stop = 0.5, num = 6}") == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    assert axis("{start = 0.1, stop = 0.5, step = 0.1}") == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert axis("{start = 0.5, stop = 0.1, step = -0.2}") == (0.5, 0.3, 0.1)
    assert axis('{start = 1e-3, stop = 10, num = 5, scale = "log"}', "ridge") == (0.001, 0.01, 0.1, 1.0, 10.0)
    sizes = as_study('[problem]\nn = {start = 500, stop = 4000, num = 4, scale = "log"}\nd = 5\nwidth = 5').axes["n"]
    assert sizes == (500, 1000, 2000, 4000)
    assert all(isinstance(n, int) for n in sizes)
    assert axis("[true, false]", "centered") == (True, False)
    assert axis('["relu", "tanh"]', "activation") == ("relu", "tanh")


def test_product_and_zip():
    text = "[problem]\nn = [100, 200]\nalpha = [0.1, 0.2, 0.3]\nd = [50, 90]\nwidth = 70\n"
    study = as_study(text)
    cells = list(study.assignments())
    assert study.cells == len(cells) == 12
    assert [(c["n"], c["alpha"], c["d"]) for c in cells[:3]] == [(100, 0.1, 50), (100, 0.1, 90), (100, 0.2, 50)]
    study = as_study('zip = ["d", "n"]\n' + text)
    assert study.cells == 6
    assert {(c["n"], c["d"]) for c in study.assignments()} == {(100, 50), (200, 90)}


def test_penalties_share_a_point():
    study = as_study(BASE + "ridge = [0.1, 1]\nalpha = [0.2, 0.3]\n")
    assert [(p.fields["alpha"], p.ridges, p.cells) for p in study.points()] == [
        (0.2, (0.1, 1.0), (0, 2)),
        (0.3, (0.1, 1.0), (1, 3)),
    ]


def test_seeds_belong_to_the_cell():
    """Other cells, their order, penalties and the number of seeds change nothing; seed, content and index do."""

    def states(text, index=0):
        study = as_study(text)
        return {p.fields["alpha"]: study.sequence(p, index).generate_state(4).tolist() for p in study.points()}

    one = states(BASE + "alpha = [0.1, 0.2]\n")
    assert one[0.1] != one[0.2]
    assert states("seeds = 3\n" + BASE + "alpha = [0.3, 0.2, 0.1]\nridge = [1, 2]\n").items() >= one.items()
    assert states("seed = 1\n" + BASE + "alpha = [0.1, 0.2]\n")[0.1] != one[0.1]
    assert states(BASE + "alpha = [0.1, 0.2]\n", index=1)[0.1] != one[0.1]
    # the bits themselves, so that a file of today resumes tomorrow
    assert one[0.1] == [992225649, 663138142, 1428416716, 210961276]


def test_a_mapping_states_the_same():
    study = as_study({"seeds": 2, "problem": {"n": 100, "d": 50, "width": 70, "alpha": [0.1, 0.2]}})
    assert study.axes == {"alpha": (0.1, 0.2)}
    assert as_study(study.text) == study
    with pytest.raises(ValueError, match="study must hold plain values"):
        as_study({"problem": {"n": 100, "d": 50, "width": 70, "activation": math.tanh}})


def test_a_cell_that_is_no_problem():
    study = as_study('[problem]\nn = 10\nd = [2, 5]\nwidth = 10\ntarget = ["z1*z2*z3", "z"]\n')
    with pytest.raises(ValueError, match=r"^\[problem\] d must be at least the number of latents, 3; got 2$"):
        study.points()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "study must have a table [problem]; got None"),
        ("problem = 3", "study must have a table [problem]; got 3"),
        ("[problem", "study must be TOML: "),
        ("sead = 3\n" + BASE, "study must use the keys problem, zip, seeds, seed, keep, theory"),
        (BASE + "widht = 3", "[problem] must use the keys n, d, width, n_step"),
        ("[problem]\nn = 3", "[problem] must give n, d, width; d, width not found"),
        (BASE + "alpha = []", "[problem] alpha must hold at least one value; got an empty list"),
        (BASE + "alpha = [0.1, 0.1]", "[problem] alpha must hold every value once; got 0.1 twice"),
        (BASE + 'alpha = [0.1, "a"]', "[problem] alpha must be in [0, 1]; got 'a'"),
        (BASE + "alpha = [0.1, 1.5]", "[problem] alpha must be in [0, 1]; got 1.5"),
        (BASE + "n_step = [10.5]", "[problem] n_step must be an integer of at least 2; got 10.5"),
        (BASE + "n_step = true", "[problem] n_step must be an integer of at least 2; got True"),
        (BASE + "n_step = 1979-05-27", "[problem] n_step must be an integer of at least 2; got datetime.date"),
        (BASE + "centered = 1", "[problem] centered must be True or False; got 1"),
        (BASE + "target = 3", "[problem] target must be an expression"),
        (BASE + 'target = ["z", "exit()"]', "[problem] target must call only"),
        (BASE + 'activation = "swish"', "[problem] activation must be one of relu, tanh"),
        (BASE + "ridge = [[0.1]]", "[problem] ridge must be a value, a list or a range; got [0.1]"),
        (
            BASE + "target = {start = 1, stop = 2, num = 2}",
            "[problem] target must be a value or a list: it has no range",
        ),
        (BASE + "alpha = {start = 0}", "[problem] alpha must have start, stop and either num or step"),
        (BASE + "alpha = {start = 0, stop = 1, num = 2, step = 1}", "must have start, stop and either num or step"),
        (BASE + "alpha = {start = 0, end = 1}", "[problem] alpha must use the keys start, stop, num, step, scale; got"),
        (BASE + "alpha = {start = 0, stop = 1, num = 0}", "[problem] alpha.num must be an integer from 1 to 1000000"),
        (BASE + "alpha = {start = 0, stop = 1, num = 2.5}", "[problem] alpha.num must be an integer from 1 to 1000000"),
        (BASE + 'alpha = {start = "0", stop = 1, num = 3}', "[problem] alpha.start must be a finite number; got '0'"),
        (BASE + "alpha = {start = nan, stop = 1, num = 3}", "[problem] alpha.start must be a finite number; got nan"),
        (BASE + "alpha = {start = 0, stop = 1, step = -1}", "must be a range with a value in it; got 0 to 1 by -1"),
        (BASE + "alpha = {start = 0, stop = 1, step = 0}", "must be a range with a value in it; got 0 to 1 by 0"),
        (BASE + "alpha = {start = 0, stop = 1, step = 1e-9}", "must have at most 1000000 values"),
        (BASE + 'ridge = {start = 0, stop = 1, num = 3, scale = "log"}', "must have positive ends on a log scale"),
        (BASE + 'ridge = {start = 1, stop = 9, step = 3, scale = "log"}', "must have num, not step, on a log scale"),
        (BASE + 'ridge = {start = 1, stop = 9, num = 3, scale = "sqrt"}', '.scale must be "linear" or "log"'),
        ("zip = 3\n" + BASE, "zip must be a list of fields; got 3"),
        ('zip = ["alpha"]\n' + BASE, "zip must name two or more different fields"),
        ('zip = ["alpha", "ridge"]\n' + BASE, "zip must name fields that are lists or ranges; got 'alpha'"),
        (
            'zip = ["alpha", "ridge"]\n' + BASE + "alpha = [0.1, 0.2]\nridge = [1]",
            "zip must name fields of equally many values; alpha has 2, ridge has 1",
        ),
        ('seeds = "3"\n' + BASE, "seeds must be an integer of at least 0; got '3'"),
        ("seeds = 0\ntheory = false\n" + BASE, "seeds must be at least 1 without theory; got 0"),
        ("seed = -1\n" + BASE, "seed must be an integer of at least 0; got -1"),
        ("theory = 1\n" + BASE, "theory must be true or false; got 1"),
        ("gradient_order = 3\n" + BASE, "gradient_order must be an integer from 1 to 2; got 3"),
        ("test_samples = 1\n" + BASE, "test_samples must be an integer of at least 2; got 1"),
        ("keep = []\n" + BASE, "keep must be a list of quantities; got []"),
        ('keep = "test_error"\n' + BASE, "keep must be a list of quantities; got 'test_error'"),
        ('keep = ["loss"]\n' + BASE, "keep must name test_error, train_error, objective"),
        ('keep = ["outliers", "outliers"]\n' + BASE, "keep must name every quantity once"),
    ],
)
def test_what_is_refused(text, complaint, tmp_path):
    with pytest.raises(ValueError) as caught:
        as_study(text)
    assert complaint in str(caught.value)
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(ValueError) as caught:
        load_study(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_files_that_are_no_text(tmp_path):
    with pytest.raises(ValueError, match=r"absent\.toml cannot be read: No such file"):
        load_study(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"binary\.toml: study must be TOML in UTF-8; byte 0"):
        load_study(tmp_path / "binary.toml")


def test_the_documented_studies():
    folder = Path(__file__).parents[2] / "docs"
    study = load_study(folder / "sweep.toml")
    assert (study.cells, study.rows, len(study.points())) == (36, 360, 18)
    (text,) = re.findall(r"```toml\n(.*?)```", (folder / "sweeps.md").read_text(), re.DOTALL)
    assert as_study(text).cells == 96


def test_counting_makes_no_cells():
    study = as_study(BASE + "alpha = {start = 0, stop = 1, num = 2000}\nridge = {start = 1, stop = 9, num = 2000}\n")
    assert study.cells == 4_000_000 > LIMIT
