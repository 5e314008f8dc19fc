from .figure import plot_map as plot_map
from .figure import plot_tuning as plot_tuning
from .study import Paying as Paying
from .study import Tuning as Tuning
from .study import map_of_paying as map_of_paying
from .study import tune as tune
from .table import print_paying as print_paying
from .table import print_tuning as print_tuning
