"""Laws of random matrix theory as frozen distributions."""

from theory.laws.algebraic import FreeMeixner, MarchenkoPastur, Semicircle, Wachter, kesten_mckay
from theory.laws.free_convolution import FreeProduct, FreeSum, SeparableCovariance
from theory.laws.generalised_marchenko_pastur import GeneralisedMarchenkoPastur
from theory.laws.law import Law
from theory.laws.population import Continuous, Discrete, Mixture
from theory.laws.tracy_widom import TracyWidom, goe_edge, wishart_edge

__all__ = [
    "Continuous",
    "Discrete",
    "FreeMeixner",
    "FreeProduct",
    "FreeSum",
    "GeneralisedMarchenkoPastur",
    "Law",
    "MarchenkoPastur",
    "Mixture",
    "Semicircle",
    "SeparableCovariance",
    "TracyWidom",
    "Wachter",
    "goe_edge",
    "kesten_mckay",
    "wishart_edge",
]
