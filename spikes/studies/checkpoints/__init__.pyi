from .figure import plot_checkpoint as plot_checkpoint
from .report import html_report as html_report
from .report import html_table as html_table
from .study import CheckpointStudy as CheckpointStudy
from .study import LayerStudy as LayerStudy
from .study import study_checkpoint as study_checkpoint
from .table import print_checkpoint as print_checkpoint
