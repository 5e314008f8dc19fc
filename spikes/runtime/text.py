"""Text on its way out: nothing that commands a terminal, and nothing that an encoding cannot say."""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import TextIO

__all__ = ["printable", "speak_any_encoding"]

# C0 and C1 but for tab and new line, what turns the direction of writing, line separators, halves of surrogate pairs
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SPELLED = {
    "±": "+/-",
    "−": "-",
    "–": "-",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "·": "*",
    "×": "x",
    "√": "sqrt",
    "…": "...",
}
_HANDLER = "spikes.spelled"


def printable(text: str) -> str:
    r"""A text with the characters that command a terminal written out, as ``\x1b``.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> printable("z # \x1b[2J")
    'z # \\x1b[2J'
    """
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def speak_any_encoding(stream: TextIO | None) -> None:
    """Have a stream spell what its encoding lacks, as ± by ``+/-`` and σ by ``sigma``, where it would have failed.

    Parameters
    ----------
    stream : text stream, optional
        None, which a closed standard output is, and streams that cannot be set stay as they are.
    """
    codecs.register_error(_HANDLER, _spelled)
    if stream is not None and hasattr(stream, "reconfigure") and getattr(stream, "errors", None) == "strict":
        stream.reconfigure(errors=_HANDLER)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_spelling(character) for character in error.object[error.start : error.end]), error.end


def _spelling(character: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    if plain.isascii() and plain:
        return plain
    if plain in _SPELLED:
        return _SPELLED[plain]
    name = unicodedata.name(plain[:1] or "?", "").split()
    if name[:1] == ["GREEK"] and "LETTER" in name:
        letter = name[name.index("LETTER") + 1].lower().replace("lamda", "lambda")
        return letter.capitalize() if "CAPITAL" in name else letter
    return character.encode("unicode_escape").decode()
