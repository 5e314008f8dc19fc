"""Learning a two-layer teacher under weight decay: closed forms, early stages, measure problem, dual certificates."""

from theory.local_analysis.dual_certificate import Certificate, certificate, spread_bound
from theory.local_analysis.early_stages import (
    first_stage,
    first_stage_leading,
    first_stage_power,
    first_stage_tangent,
    second_stage,
)
from theory.local_analysis.feature_direction import Improvement, ResidualParts, improvement, mismatch, residual_parts
from theory.local_analysis.measure import (
    MeasureMinimum,
    check_decay,
    largest_decay,
    minimize_measure,
    minimize_path,
    optimality_gap,
    small_decay,
)
from theory.local_analysis.population import (
    optimal_linear_part,
    population_gradient,
    population_loss,
    regularized_loss,
    signal_power,
)
from theory.local_analysis.zonal_kernel import gram, kernel, kernel_hessian

__all__ = [
    "Certificate",
    "Improvement",
    "MeasureMinimum",
    "ResidualParts",
    "certificate",
    "check_decay",
    "first_stage",
    "first_stage_leading",
    "first_stage_power",
    "first_stage_tangent",
    "gram",
    "improvement",
    "kernel",
    "kernel_hessian",
    "largest_decay",
    "minimize_measure",
    "minimize_path",
    "mismatch",
    "optimal_linear_part",
    "optimality_gap",
    "population_gradient",
    "population_loss",
    "regularized_loss",
    "residual_parts",
    "second_stage",
    "signal_power",
    "small_decay",
    "spread_bound",
]
