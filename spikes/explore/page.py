"""The page: controls, pictures and words, put together with Panel."""

from __future__ import annotations

import io
import math
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
        help = what.help.partition(",")[0] if what.grid else what.help
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
    """The widgets of one session, and what they show."""

    def __init__(self, desk: Desk, query: str) -> None:
        import panel as pn

        self._pn = pn
        self._session = Session(desk, self._show)
        self._style = _read("controls.css")
        look: dict[str, Any] = {"stylesheets": [self._style], "sizing_mode": "stretch_width"}
        texts, complaint = of_address(query)
        fields = described_fields()
        order = [*(name for name in _FIRST if name in fields), *(name for name in fields if name not in _FIRST)]
        self._controls = {name: _Control(name, fields[name], texts[name], self._changed, self._style) for name in order}
        for name, help in (("seeds", "Independent simulations."), ("seed", "Seed of them all.")):
            self._controls[name] = _Control(name, Described(int, help), texts[name], self._changed, self._style)
        self._words: dict[str, str] = {"complaint": complaint}
        names = [preset.name for preset in PRESETS]
        self._preset = pn.widgets.Select(
            name="Begin with", options=["", *names], value="", css_classes=["presets"], **look
        )
        self._preset.param.watch(lambda event: self._begin(event.new), "value")
        self._sentence = pn.pane.HTML("", css_classes=["sentence"], **look)
        self._pictures = {
            name: pn.pane.HTML(self._figure(name, ""), css_classes=[f"picture-{name}"], **look) for name in _PICTURES
        }
        button: dict[str, Any] = {"stylesheets": [self._style]}
        self._simulate = pn.widgets.Button(name="Simulate", css_classes=["simulate"], button_type="primary", **button)
        self._stop = pn.widgets.Button(name="Stop", css_classes=["stop"], disabled=True, **button)
        self._simulate.on_click(lambda event: self._start())
        self._stop.on_click(lambda event: self._session.stop())
        self._address = pn.widgets.TextInput(visible=False, css_classes=["address"])
        self._address.jscallback(
            value="history.replaceState(null, '', source.value ? '?' + source.value : location.pathname)"
        )
        self._command = pn.widgets.TextAreaInput(name="As a command", css_classes=["command"], disabled=True, **look)
        self._script = pn.widgets.TextAreaInput(name="As Python", css_classes=["script"], disabled=True, **look)
        self._state: State | None = None

    def template(self) -> Any:
        """Everything, in its places."""
        pn, controls = self._pn, self._controls
        button: dict[str, Any] = {"stylesheets": [self._style]}
        copies = []
        for name, source in (("Copy as command", self._command), ("Copy as Python", self._script)):
            copy = pn.widgets.Button(name=name, css_classes=["copy"], **button)
            copy.js_on_click(args={"text": source}, code="navigator.clipboard.writeText(text.value)")
            copies.append(copy)
        downloads = [
            pn.widgets.FileDownload(
                callback=self._download(content), filename=name, label=label, css_classes=[kind], auto=True, **button
            )
            for content, name, label, kind in (
                (self._session.figure, "spikes.png", "Download figure", "download-figure"),
                (self._session.json, "spikes.json", "Download JSON", "download-json"),
            )
        ]
        stated = [part for name in controls for part in controls[name].parts if name not in ("seeds", "seed")]
        runs = [*controls["seeds"].parts, *controls["seed"].parts]
        column: dict[str, Any] = {"sizing_mode": "stretch_width", "stylesheets": [self._style]}
        row: dict[str, Any] = {"stylesheets": [self._style], "css_classes": ["row"], "sizing_mode": "stretch_width"}
        template = pn.Template(_read("page.html"))
        template.add_variable("page_css", _read("page.css"))
        template.add_panel("sentence", self._sentence)
        template.add_panel("problem", pn.Column(self._preset, *stated, **column))
        template.add_panel(
            "runs", pn.Column(*runs, pn.FlexBox(self._simulate, self._stop, **row), self._address, **column)
        )
        template.add_panel(
            "away", pn.Column(pn.FlexBox(*copies, *downloads, **row), self._command, self._script, **column)
        )
        for name, picture in self._pictures.items():
            template.add_panel(name, picture)
        pn.state.onload(self._changed)
        pn.state.on_session_destroyed(lambda context: self._session.close())
        return template

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
            self._words["simulation"] = answer.remark
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
