"""The page: controls, pictures and words, put together with Panel."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from spikes.explore import sentences
from spikes.explore.presets import PRESETS
from spikes.explore.session import Session
from spikes.explore.state import State, as_address, as_command, as_python, default_texts, of_address, of_texts
from spikes.presentation.numbers import counted
from theory.statement.activation import ACTIVATIONS
from theory.statement.problem import Described, described_fields
from theory.statement.second_layer import SECOND_LAYERS

if TYPE_CHECKING:
    from spikes.explore.desk import Desk

__all__ = ["page"]

_SYMBOLS = {
    "d": "d",
    "n": "n",
    "n_step": "n₀",
    "width": "N",
    "activation": "σ",
    "target": "f⋆",
    "noise": "σ_ε",
    "alpha": "α",
    "scale": "c",
    "eta": "η",
    "second_layer": "a",
    "ridge": "λ",
}
_CHOICES = {"activation": ACTIVATIONS, "second_layer": SECOND_LAYERS}
# The ends of the sliders, by powers where the last is True: a number outside may be typed.
_RANGES = {
    "n": (100.0, 20000.0, True),
    "d": (50.0, 10000.0, True),
    "width": (50.0, 10000.0, True),
    "n_step": (100.0, 20000.0, True),
    "noise": (0.0, 3.0, False),
    "alpha": (0.0, 0.5, False),
    "scale": (0.1, 10.0, True),
    "ridge": (1e-4, 100.0, True),
}
_STEPS = 100
_FIRST = ("alpha", "scale", "ridge", "activation", "target", "noise", "n", "n_step", "d", "width", "second_layer")
_PICTURES = {
    "spectrum": "The spectrum of the features, with its spikes",
    "learned": "What each spike has learned",
    "errors": "Errors along the penalty λ",
    "steps": "Errors along the step-size exponent α",
}


def _read(name: str) -> str:
    return files("spikes.explore").joinpath(name).read_text(encoding="utf-8")


class _Control:
    """The control of one field: a text, and for a number a slider beside it that writes the text."""

    def __init__(self, name: str, what: Described, text: str, changed: Callable[[], None], style: str) -> None:
        import panel as pn

        symbol = _SYMBOLS.get(name, name)
        # one penalty, and no files: what a page is told goes no further
        help = what.help.partition(",")[0] if what.grid else re.split(r",? or an? \.npy", what.help)[0]
        label = f"{symbol}: {help.rstrip('.').replace('--', '')}"
        self._slider: Any = None
        self._range = _RANGES.get(name) if what.kind in (int, float) else None
        self._whole, self._busy, self._changed = what.kind is int, False, changed
        look: dict[str, Any] = {
            "stylesheets": [style],
            "css_classes": [f"field-{name}"],
            "sizing_mode": "stretch_width",
        }
        if name in _CHOICES:
            self._text: Any = pn.widgets.Select(name=label, options=list(_CHOICES[name]), value=text, **look)
        elif what.kind is bool:
            self._text = pn.widgets.Select(name=label, options=["true", "false"], value=text, **look)
        else:
            self._text = pn.widgets.TextInput(name=label, value=text, max_length=500, **look)
        self._text.param.watch(lambda event: self._typed(), "value")
        self.parts = [self._text]
        if self._range is not None:
            look["css_classes"] = [f"slider-{name}"]
            self._slider = pn.widgets.FloatSlider(
                name=symbol, start=0, end=_STEPS, step=1, value=0, show_value=False, tooltips=False, **look
            )
            self._place()
            self._slider.param.watch(lambda event: self._dragged(event.new), "value")
            self.parts.append(self._slider)

    @property
    def text(self) -> str:
        """What stands in the control."""
        return self._text.value

    def put(self, text: str) -> None:
        """Write a text without telling anyone."""
        self._busy = True
        if not (hasattr(self._text, "options") and text not in self._text.options):
            self._text.value = text
        self._place()
        self._busy = False

    def _typed(self) -> None:
        if self._busy:
            return
        self._busy = True
        self._place()
        self._busy = False
        self._changed()

    def _dragged(self, position: float) -> None:
        if self._busy:
            return
        self._busy = True
        self._text.value = self._at(position / _STEPS)
        self._busy = False
        self._changed()

    def _at(self, share: float) -> str:
        """The number at a share of the slider, as a text of few digits."""
        assert self._range is not None
        low, high, powers = self._range
        value = low * (high / low) ** share if powers else low + share * (high - low)
        if self._whole:
            digits = 10 ** max(0, math.floor(math.log10(value)) - 1)
            return str(round(value / digits) * digits)
        return f"{value:.3g}"

    def _place(self) -> None:
        """Move the slider to where the text is, if it is a number within its ends."""
        if self._slider is None or self._range is None:
            return
        low, high, powers = self._range
        try:
            value = min(max(float(self._text.value), low), high)
        except ValueError:
            return
        if not math.isnan(value):
            share = math.log(value / low) / math.log(high / low) if powers else (value - low) / (high - low)
            self._slider.value = round(share * _STEPS)


class _Page:
    """The widgets of one session, and what they show.

    A request for the page makes little more than its places; the controls come when a browser has opened it.
    """

    def __init__(self, desk: Desk, query: str) -> None:
        import panel as pn

        self._pn, self._query = pn, query
        self._session = Session(desk, self._show)
        self._style = _read("controls.css")
        look: dict[str, Any] = {"stylesheets": [self._style], "sizing_mode": "stretch_width"}
        self._places = {name: pn.Column(**look) for name in ("problem", "runs", "away")}
        self._sentence = pn.pane.HTML("", css_classes=["sentence"], **look)
        self._pictures = {
            name: pn.pane.HTML(self._figure(name, ""), css_classes=[f"picture-{name}", "stale"], **look)
            for name in _PICTURES
        }
        self._words: dict[str, str] = {}
        self._state: State | None = None

    def template(self) -> Any:
        """Everything, in its places."""
        pn = self._pn
        template = pn.Template(_read("page.html"))
        template.add_variable("page_css", _read("page.css"))
        for name, part in {"sentence": self._sentence, **self._places, **self._pictures}.items():
            template.add_panel(name, part)
        pn.state.onload(self._open)
        pn.state.on_session_destroyed(lambda context: self._session.close())
        return template

    def _open(self) -> None:
        """Fill the places, in the state that the address asks for."""
        texts, self._words["complaint"] = of_address(self._query)
        fields = described_fields()
        order = [*(name for name in _FIRST if name in fields), *(name for name in fields if name not in _FIRST)]
        what = {name: fields[name] for name in order}
        what |= {"seeds": Described(int, "Independent simulations."), "seed": Described(int, "Seed of them all.")}
        self._controls = {name: _Control(name, what[name], texts[name], self._changed, self._style) for name in what}
        stated = [part for name in order for part in self._controls[name].parts]
        self._places["problem"].objects = [self._presets(), *stated]
        runs = [part for name in ("seeds", "seed") for part in self._controls[name].parts]
        self._places["runs"].objects = [*runs, *self._buttons()]
        self._places["away"].objects = self._copies()
        self._changed()

    def _presets(self) -> Any:
        names = ["", *(preset.name for preset in PRESETS)]
        look: dict[str, Any] = {"stylesheets": [self._style], "sizing_mode": "stretch_width"}
        choice = self._pn.widgets.Select(name="Begin with", options=names, value="", css_classes=["presets"], **look)
        choice.param.watch(lambda event: self._begin(event.new), "value")
        return choice

    def _buttons(self) -> list[Any]:
        widgets, look = self._pn.widgets, {"stylesheets": [self._style]}
        simulate = widgets.Button(name="Simulate", css_classes=["simulate"], button_type="primary", **look)
        self._stop = widgets.Button(name="Stop", css_classes=["stop"], disabled=True, **look)
        simulate.on_click(lambda event: self._start())
        self._stop.on_click(lambda event: self._session.stop())
        # the browser's history gets no entry for every place that a slider passes
        self._address = widgets.TextInput(visible=False)
        self._address.jscallback(
            value="history.replaceState(null, '', source.value ? '?' + source.value : location.pathname)"
        )
        return [self._row(simulate, self._stop), self._address]

    def _row(self, *parts: Any) -> Any:
        return self._pn.FlexBox(*parts, stylesheets=[self._style], sizing_mode="stretch_width")

    def _copies(self) -> list[Any]:
        widgets, look = self._pn.widgets, {"stylesheets": [self._style]}
        wide: dict[str, Any] = {"disabled": True, "sizing_mode": "stretch_width", **look}
        self._command = widgets.TextAreaInput(name="As a command", css_classes=["command"], **wide)
        self._script = widgets.TextAreaInput(name="As Python", css_classes=["script"], **wide)
        buttons = []
        for name, source in (("Copy as command", self._command), ("Copy as Python", self._script)):
            copy = widgets.Button(name=name, css_classes=["copy"], **look)
            copy.js_on_click(args={"text": source}, code="navigator.clipboard.writeText(text.value)")
            buttons.append(copy)
        for content, file, label, kind in (
            (self._session.figure, "spikes.png", "Download figure", "download-figure"),
            (self._session.json, "spikes.json", "Download JSON", "download-json"),
        ):
            how: dict[str, Any] = {"filename": file, "label": label, "css_classes": [kind], "auto": True, **look}
            buttons.append(widgets.FileDownload(callback=self._download(content), **how))
        return [self._row(*buttons), self._command, self._script]

    def _download(self, content: Callable[[], Any]) -> Callable[[], Any]:
        async def whole() -> io.BytesIO:
            try:
                return io.BytesIO(await content())
            except (ValueError, ArithmeticError, OSError) as error:
                self._show("complaint", str(error))
                raise

        return whole

    def _begin(self, name: str) -> None:
        for preset in PRESETS:
            if preset.name == name:
                for field, text in (default_texts() | preset.texts).items():
                    self._controls[field].put(text)
                self._words["preset"] = preset.says
                self._changed()

    def _texts(self) -> dict[str, str]:
        return {name: control.text for name, control in self._controls.items()}

    def _changed(self) -> None:
        """Read the controls: a state is asked for, a mistake is said, and the last good pictures stay."""
        try:
            state = of_texts(self._texts())
        except ValueError as error:
            self._words["complaint"] = str(error)
            self._speak()
            return
        if self._state is not None:
            self._words.pop("complaint", None)
        if self._state is None or state.problem != self._state.problem:
            for what in ("simulation", "progress"):
                self._words.pop(what, None)
            for name, picture in self._pictures.items():
                picture.css_classes = [f"picture-{name}", "stale"]
        self._state = state
        self._address.value = as_address(state)
        self._command.value, self._script.value = as_command(state), as_python(state)
        self._speak()
        self._session.ask(state.problem)

    def _start(self) -> None:
        self._changed()
        if self._state is not None and not self._words.get("complaint"):
            self._session.simulate(self._state)

    def _show(self, what: str, answer: Any) -> None:
        if what == "complaint":
            self._words["complaint"] = answer
        elif what == "progress":
            self._stop.disabled = answer is None
            if answer is not None:
                done, asked = answer
                self._words["progress"] = f"{done} of {counted(asked, 'seed')} simulated."
        elif what == "errors":
            self._words["errors"] = sentences.of_errors(answer)
            self._draw(errors=answer.svg)
        elif what == "steps":
            self._draw(steps=answer.svg)
        elif what == "spectrum":
            self._words["spikes"] = sentences.of_spikes(answer)
            self._words["doubts"] = "\n".join(sentences.doubts(answer.validity))
            self._draw(spectrum=answer.svg, learned=answer.learned)
        elif what == "joined":
            self._words["simulation"] = answer.remark[:1].upper() + answer.remark[1:]
            self._draw(spectrum=answer.spectrum, learned=answer.learned, errors=answer.errors, steps=answer.steps)
        self._speak()

    def _draw(self, **pictures: str) -> None:
        for name, svg in pictures.items():
            self._pictures[name].param.update(object=self._figure(name, svg), css_classes=[f"picture-{name}"])

    def _figure(self, name: str, svg: str) -> str:
        return f"<figure><figcaption>{_PICTURES[name]}</figcaption>{svg or '<p>…</p>'}</figure>"

    def _speak(self) -> None:
        parts = [
            ("complaint", self._words.get("complaint", "")),
            ("spikes", self._words.get("spikes", "")),
            ("errors", self._words.get("errors", "")),
            ("simulation", " ".join(filter(None, (self._words.get("progress"), self._words.get("simulation"))))),
            *(("doubt", line) for line in self._words.get("doubts", "").split("\n")),
            ("preset", self._words.get("preset", "")),
        ]
        said = "".join(f'<p class="{kind}">{escape(text)}</p>' for kind, text in parts if text)
        self._sentence.object = f'<div role="status">{said}</div>'


def page(desk: Desk) -> Any:
    """A fresh page for whoever has asked for one, in the state that the address asks for.

    Parameters
    ----------
    desk : Desk

    Returns
    -------
    panel.Template
    """
    import panel as pn

    query = pn.state.location.search if pn.state.location else ""
    return _Page(desk, query or "").template()
