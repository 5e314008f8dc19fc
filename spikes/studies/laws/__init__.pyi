from .figure import plot_density as plot_density
from .figure import plot_forward as plot_forward
from .figure import plot_spike_marks as plot_spike_marks
