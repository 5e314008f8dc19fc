"""Laws beside the eigenvalues of random matrices."""
