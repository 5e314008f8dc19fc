from .figure import plot_data_study as plot_data_study
from .study import NEEDED as NEEDED
from .study import DataStudy as DataStudy
from .study import study_data as study_data
from .table import print_data_study as print_data_study
