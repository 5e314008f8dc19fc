"""The conditional deterministic equivalent: one fixed point for every step size and every activation at finite n."""

from theory.conditional_equivalent.axis import count_above
from theory.conditional_equivalent.covariance import CovarianceTerms, participation_ratio
from theory.conditional_equivalent.features import EquivalentFeatures, Terms, feature_moments
from theory.conditional_equivalent.fixed_point import ConvergenceError, FixedPoint, solve
from theory.conditional_equivalent.latent_functions import RidgeErrors, ridge_errors
from theory.conditional_equivalent.outliers import ALIGNMENTS, Outlier, find_outliers
from theory.conditional_equivalent.prediction import Prediction, predict, predict_errors
from theory.conditional_equivalent.resolution import Resolution, equivalent_features
from theory.conditional_equivalent.spectral_density import density
from theory.conditional_equivalent.spectrum import Bulk, bulk

__all__ = [
    "ALIGNMENTS",
    "Bulk",
    "ConvergenceError",
    "CovarianceTerms",
    "EquivalentFeatures",
    "FixedPoint",
    "Outlier",
    "Prediction",
    "Resolution",
    "RidgeErrors",
    "Terms",
    "bulk",
    "count_above",
    "density",
    "equivalent_features",
    "feature_moments",
    "find_outliers",
    "participation_ratio",
    "predict",
    "predict_errors",
    "ridge_errors",
    "solve",
]
