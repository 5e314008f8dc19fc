from . import giant_steps as giant_steps
from . import laws as laws
from . import local_analysis as local_analysis
from . import matrix_free as matrix_free
from . import nonlinear_features as nonlinear_features
from . import one_step as one_step
from . import own_data as own_data
from . import own_matrix as own_matrix
