"""A page's state as texts, an address, a command line and a script: each says the same, and nothing is evaluated."""

import shlex
from urllib.parse import urlencode

import pytest

from spikes.explore.presets import PRESETS
from spikes.explore.state import as_address, as_command, as_python, default_texts, of_address, of_texts
from theory import Problem
from theory.statement.problem import described_fields

STATES = [
    {},
    {"alpha": "0.45", "target": "z1 + z1*z2", "second_layer": "rademacher"},
    {"n": "300", "d": "100", "width": "70", "n_step": "500", "eta": "3.25", "ridge": "1e-3"},
    {"centered": "false", "activation": "tanh", "noise": "0.0", "scale": "2.5", "seeds": "3", "seed": "7"},
    {"target": "exp(-z**2) + sin(z)/2"},
    {"covariance": "power:1.0", "direction": "top"},
    {"covariance": "1,2,0.5", "n": "30", "d": "3", "width": "20"},
    *(preset.texts for preset in PRESETS),
]


@pytest.mark.parametrize("texts", STATES)
def test_an_address_opens_the_page_that_it_is_of(texts):
    state = of_texts(texts)
    again, complaint = of_address(as_address(state))
    assert complaint == ""
    assert of_texts(again) == state


@pytest.mark.parametrize("texts", STATES)
def test_a_command_states_the_problem(texts, monkeypatch):
    import spikes.studies
    from spikes.cli import app

    state = of_texts(texts)
    asked = []

    def compare(problem, seeds, seed, workers, **how):
        asked.append((problem, seeds, seed))
        raise ArithmeticError("enough")

    monkeypatch.setattr(spikes.studies.one_step, "compare", compare)
    words = shlex.split(as_command(state))
    assert words[0] == "spikes"
    with pytest.raises(ArithmeticError, match="enough"):
        app(words[1:], standalone_mode=False)
    assert asked == [(state.problem, state.seeds, state.seed)]


@pytest.mark.parametrize("texts", STATES)
def test_a_script_states_the_problem(texts, monkeypatch):
    import spikes

    state = of_texts(texts)
    asked = []
    monkeypatch.setattr(spikes, "compare", lambda problem, seeds=8, seed=0: asked.append((problem, seeds, seed)))
    exec(as_python(state), {})
    assert asked == [(state.problem, state.seeds, state.seed)]


def test_a_fresh_page_has_an_empty_address_and_every_field_a_control():
    assert as_address(of_texts({})) == ""
    assert of_address("") == (default_texts(), "")
    assert [*described_fields(), "seeds", "seed"] == list(default_texts())
    assert of_texts({}).problem == Problem(n=2000, d=1000, width=1500)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"target": "__import__('os').system('true')"}, "`target`"),
        ({"target": "z +"}, "`target`"),
        ({"target": ""}, "`target`"),
        ({"activation": "os.system"}, "`activation` must be a name"),
        ({"covariance": "/etc/passwd"}, "`covariance` must be a name"),
        ({"covariance": "eigenvalues.npy"}, "`covariance` must be a name"),
        ({"direction": "../weights.csv"}, "`direction` must be a name"),
        ({"alpha": "much"}, "`alpha` must be a number; got 'much'"),
        ({"alpha": "nan"}, "`alpha` must be in [0, 1]"),
        ({"n": "2000.5"}, "`n` must be an integer; got '2000.5'"),
        ({"n": "1" * 5000}, "at most 4000 letters"),
        ({"seeds": "100000"}, "`seeds` must be at most 200"),
        ({"centered": "perhaps"}, "`centered` must be true or false"),
        ({"path": "/etc/passwd"}, "got 'path'"),
        ({f"key{i}": "1" for i in range(200)}, "max"),
    ],
)
def test_a_bad_address_is_said_and_opens_a_fresh_page(asked, says):
    texts, complaint = of_address(urlencode(asked))
    assert texts == default_texts()
    assert says.lower() in complaint.lower()
