from .figure import plot_certificate as plot_certificate
from .figure import plot_directions as plot_directions
from .figure import plot_exponents as plot_exponents
from .figure import plot_gradient_gap as plot_gradient_gap
from .figure import plot_training as plot_training
from .study import LocalStudy as LocalStudy
from .study import compare_training as compare_training
