from .figure import plot_matrix_free as plot_matrix_free
from .study import MatrixFreeComparison as MatrixFreeComparison
from .study import compare_matrix_free as compare_matrix_free
from .table import print_matrix_free as print_matrix_free
