from .figure import plot_readout as plot_readout
from .study import LAWS as LAWS
from .study import Halving as Halving
from .study import ReadoutStudy as ReadoutStudy
from .study import readout as readout
from .study import study_readout as study_readout
from .table import print_readout as print_readout
