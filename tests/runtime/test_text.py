"""Text on its way out, to terminals and to encodings that lack characters."""

import io

import pytest

from spikes.runtime.text import printable, speak_any_encoding


def test_nothing_commands_a_terminal():
    assert printable("\x1b[2J\x07\r\x9b\u202e\ud800 é±\t\n") == "\\x1b[2J\\x07\\r\\x9b\\u202e\\ud800 é±\t\n"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", "bulk of FFT/n, lambda = 1 +/- 2, e, Sigma, \\u2665"),
        ("cp1252", "bulk of FFT/n, lambda = 1 ± 2, é, Sigma, \\u2665"),
        ("utf-8", "bulk of FFᵀ/n, λ = 1 ± 2, é, Σ, ♥"),
    ],
)
def test_every_encoding_says_it(encoding, expected):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    speak_any_encoding(stream)
    stream.write("bulk of FFᵀ/n, λ = 1 ± 2, é, Σ, ♥")
    stream.flush()
    assert stream.buffer.getvalue().decode(encoding) == expected


def test_a_closed_output_is_left_alone():
    assert speak_any_encoding(None) is None  # no standard output at all, as under pythonw
