from .figure import plot_data_study as plot_data_study
from .study import DataStudy as DataStudy
from .study import study_data as study_data
