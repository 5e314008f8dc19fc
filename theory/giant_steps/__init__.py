"""Giant gradient steps: what a network can learn of a target, in how many samples and steps (arXiv 2305.18270).

The literature on giant steps writes p for the width N, a_j = ±1/√p and η = O(p d^((ℓ−1)/2)) for the step; its η is √N
times that of `theory.statement.problem.Problem`. It also writes c_j = E[σ He_j], j! times the Hermite coefficients of
`theory.hermite`. Functions here take a `Problem`, and convert once, or say which they mean.
"""

from theory.giant_steps.evolution import (
    StateEvolution,
    StepMoments,
    independent_step,
    interacting_step,
    state_evolution,
    step_moments,
)
from theory.giant_steps.learning_curve import (
    READOUTS,
    LearningPrediction,
    StepSpectrum,
    predict_learning,
    step_spectrum,
)
from theory.giant_steps.neurons import (
    NeuronPrediction,
    draw_cosines,
    limit_squared_cosine,
    noise_power,
    predict_neurons,
    predict_population,
    squared_cosine_isotropic,
    squared_cosine_k1,
)
from theory.giant_steps.one_step import CosineLaw, cosine_law
from theory.giant_steps.slope_products import three_point
from theory.giant_steps.target_analysis import (
    Dropped,
    Stair,
    Staircase,
    TargetAnalysis,
    analyse_target,
    visible_staircase,
)
from theory.giant_steps.unlearned_part import Residual, residual

__all__ = [
    "READOUTS",
    "CosineLaw",
    "Dropped",
    "LearningPrediction",
    "NeuronPrediction",
    "Residual",
    "Stair",
    "Staircase",
    "StateEvolution",
    "StepMoments",
    "StepSpectrum",
    "TargetAnalysis",
    "analyse_target",
    "cosine_law",
    "draw_cosines",
    "independent_step",
    "interacting_step",
    "limit_squared_cosine",
    "noise_power",
    "predict_learning",
    "predict_neurons",
    "predict_population",
    "residual",
    "squared_cosine_isotropic",
    "squared_cosine_k1",
    "state_evolution",
    "step_moments",
    "step_spectrum",
    "three_point",
    "visible_staircase",
]
