"""What a page shows, as texts: of its controls, of its address, of a command line and of a script."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from theory.statement.arguments import count, integer
from theory.statement.problem import Described, Problem, described_fields

__all__ = ["MOST_SEEDS", "State", "as_address", "as_command", "as_python", "default_texts", "of_address", "of_texts"]

MOST_SEEDS = 200
_LONGEST = 4000
_MOST_KEYS = 100
_COUNTS = ("seeds", "seed")
_PLAIN = re.compile(r"[A-Za-z]+\d*(:[-+\d.eE]+)?|[-+\d.eE, ]*")


@dataclass(frozen=True)
class State:
    """A problem and the simulation that is asked for.

    Attributes
    ----------
    problem : Problem
    seeds, seed : int
        Independent runs, and the seed of them all.
    texts : dict of str to str
        Of the controls, as they were written.
    """

    problem: Problem
    seeds: int = 8
    seed: int = 0
    texts: dict[str, str] = field(default_factory=dict, compare=False)


def default_texts() -> dict[str, str]:
    """Texts of all controls of a fresh page, by the names of the fields of `Problem`, then ``seeds`` and ``seed``.

    Returns
    -------
    dict of str to str
        Empty where a field has no value of its own by default.

    Examples
    --------
    >>> default_texts()["alpha"], default_texts()["n_step"]
    ('0.36', '')
    """
    defaults = {one.name: one.default for one in dataclasses.fields(Problem)}
    texts = {}
    for name, what in described_fields().items():
        value = what.example if defaults[name] is dataclasses.MISSING else defaults[name]
        texts[name] = _text(value)
    return texts | {name: str(getattr(State, name)) for name in _COUNTS}


def _text(value: Any) -> str:
    """A value of a field as it stands in a control."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(getattr(value, "name", value))


def of_texts(texts: Mapping[str, str]) -> State:
    """The state that texts mean; nothing in them is evaluated but the formula of the target, by its own grammar.

    Parameters
    ----------
    texts : mapping of str to str
        As `default_texts`; what is left out keeps its default.

    Returns
    -------
    State

    Raises
    ------
    ValueError
        Naming the field, the rule it breaks and the text.

    Examples
    --------
    >>> of_texts({"alpha": "0.45"}).problem.alpha
    0.45
    """
    texts = default_texts() | {name: text.strip() for name, text in texts.items()}
    fields = described_fields()
    usual = default_texts()
    # an empty text is a default that has none, or a mistake that the field's own rule names
    values = {name: _value(name, fields[name], texts[name]) for name in fields if texts[name] or usual[name]}
    seeds, seed = (_value(name, Described(int, ""), texts[name]) for name in _COUNTS)
    return State(Problem(**values), count("seeds", seeds, 1, MOST_SEEDS), integer("seed", seed, 0), texts)


def _value(name: str, what: Described, text: str) -> Any:
    if what.kind is str:
        if name != "target" and not _PLAIN.fullmatch(text):  # some fields would take the path of a file
            raise ValueError(f"`{name}` must be a name, a name with a number or numbers here; got {text!r}")
        return text
    readers: dict[type, tuple[Callable[[str], Any], str]] = {
        bool: (_truth, "true or false"),
        int: (int, "an integer"),
        float: (float, "a number"),
    }
    kind, rule = readers[what.kind]
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"`{name}` must be {rule}; got {text!r}") from None


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _changed(state: State) -> dict[str, str]:
    """Texts that differ from those of a fresh page, by name."""
    usual = default_texts()
    return {name: state.texts[name] for name in usual if state.texts[name] != usual[name]}


def as_address(state: State) -> str:
    """The query of the address that opens a page in a state: what differs from a fresh page.

    Parameters
    ----------
    state : State

    Returns
    -------
    str

    Examples
    --------
    >>> as_address(of_texts({"alpha": "0.45", "target": "He2(z)"}))
    'target=He2%28z%29&alpha=0.45'
    """
    return urlencode(_changed(state))


def of_address(query: str) -> tuple[dict[str, str], str]:
    """Texts of the controls that an address asks for, and what is wrong with it.

    Parameters
    ----------
    query : str
        With or without its question mark.

    Returns
    -------
    texts : dict of str to str
        Of all controls: of a fresh page where something is wrong.
    complaint : str
        Empty where nothing is.
    """
    usual = default_texts()
    if len(query) > _LONGEST:
        return usual, f"the address must have at most {_LONGEST} letters; got {len(query)}"
    try:
        asked = dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True, max_num_fields=_MOST_KEYS))
        unknown = [name for name in asked if name not in usual]
        if unknown:
            raise ValueError(f"the address must name {', '.join(usual)}; got {unknown[0]!r}")
        of_texts(asked)
    except ValueError as error:
        return usual, str(error)
    return usual | asked, ""


def as_command(state: State) -> str:
    """The command line that gives the same numbers.

    Parameters
    ----------
    state : State

    Returns
    -------
    str

    Examples
    --------
    >>> as_command(of_texts({"target": "z1 + z1*z2", "seeds": "4"}))
    "spikes compare --target 'z1 + z1*z2' --seeds 4"
    """
    words = ["spikes", "compare"]
    fields = described_fields()
    for name, text in _changed(state).items():
        flag = (fields[name].option if name in fields else "") or "--" + name.replace("_", "-")
        if name in fields and fields[name].kind is bool:
            on, off = flag.split("/")
            words.append(on if _truth(text) else off)
        else:
            words += [flag, text]
    return shlex.join(words)


def as_python(state: State) -> str:
    """The script that gives the same numbers.

    Parameters
    ----------
    state : State

    Returns
    -------
    str
    """
    required = [one.name for one in dataclasses.fields(Problem) if one.default is dataclasses.MISSING]
    fields, changed = described_fields(), _changed(state)
    stated = [n for n in fields if n in required or n in changed]
    values = ", ".join(f"{name}={_value(name, fields[name], state.texts[name])!r}" for name in stated)
    runs = "".join(f", {name}={getattr(state, name)}" for name in _COUNTS if name in changed)
    return f"from spikes import compare\nfrom theory import Problem\n\nprint(compare(Problem({values}){runs}))\n"
