"""Laws of random matrix theory as frozen distributions."""

from theory.laws.algebraic import FreeMeixner, MarchenkoPastur, Semicircle, Wachter, kesten_mckay
from theory.laws.law import Law

__all__ = ["FreeMeixner", "Law", "MarchenkoPastur", "Semicircle", "Wachter", "kesten_mckay"]
