from .answer import MatrixSpectrum as MatrixSpectrum
from .answer import Spike as Spike
from .figure import plot_matrix_spectrum as plot_matrix_spectrum
from .study import load_matrix as load_matrix
from .study import matrix_spectrum as matrix_spectrum
from .study import spectrum as spectrum
from .table import html_of_spectrum as html_of_spectrum
from .table import print_matrix_spectrum as print_matrix_spectrum
