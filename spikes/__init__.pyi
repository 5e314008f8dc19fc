from .agreement import Activation as Activation
from .agreement import Problem as Problem
from .agreement import Row as Row
from .agreement import Target as Target
from .agreement import Teacher as Teacher
from .estimates import Estimate as Estimate
from .simulation.ensemble import Ensemble as Ensemble
from .simulation.ensemble import simulate_ensemble as simulate_ensemble
from .simulation.one_step import Simulation as Simulation
from .simulation.one_step import simulate as simulate
from .studies.giant_steps import report_target as report_target
from .studies.giant_steps import study_curve as study_curve
from .studies.giant_steps import study_step as study_step
from .studies.giant_steps import study_trajectory as study_trajectory
from .studies.local_analysis import compare_training as compare_training
from .studies.matrix_free import compare_matrix_free as compare_matrix_free
from .studies.nonlinear_features import decomposition_study as decomposition_study
from .studies.nonlinear_features import spectrum_study as spectrum_study
from .studies.nonlinear_features import staircase as staircase
from .studies.one_step import Comparison as Comparison
from .studies.one_step import compare as compare
from .studies.own_data import study_data as study_data
from .studies.own_matrix import matrix_spectrum as matrix_spectrum
from .sweeps import open_results as open_results
from .sweeps import sweep as sweep
from .validation import validate as validate

__version__: str
