"""Laws of random matrix theory as frozen distributions."""

from theory.laws.algebraic import FreeMeixner, MarchenkoPastur, Semicircle, Wachter, kesten_mckay
from theory.laws.generalised_marchenko_pastur import GeneralisedMarchenkoPastur
from theory.laws.law import Law
from theory.laws.population import Continuous, Discrete, Mixture

__all__ = [
    "Continuous",
    "Discrete",
    "FreeMeixner",
    "GeneralisedMarchenkoPastur",
    "Law",
    "MarchenkoPastur",
    "Mixture",
    "Semicircle",
    "Wachter",
    "kesten_mckay",
]
