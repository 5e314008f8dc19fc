"""The theory and the threads of the linear algebra: processor time and last bits, with one thread and with all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time

import numpy as np


def _run() -> None:
    from theory import Problem, predict

    problems = (
        Problem(n=2000, d=1000, width=1500),
        Problem(n=2000, d=1000, width=1500, alpha=0.5, target="z1 + z1*z2"),
        Problem(n=4096, d=64, width=512, target="z1*z2", eta=0.0),
    )
    predict(Problem(n=200, d=100, width=150))  # warm
    digest = hashlib.sha256()
    start = time.process_time()
    for problem in problems:
        theory = predict(problem)
        values = [theory.density, theory.test_error, theory.train_error, theory.objective]
        values.append(
            np.array([value for spike in theory.outliers for value in (spike.singular_value, *spike.alignment)])
        )
        digest.update(np.concatenate(values).tobytes())
    print(f"{time.process_time() - start:.2f} {digest.hexdigest()[:16]}")


if __name__ == "__main__":
    if sys.argv[1:] == ["run"]:
        _run()
    else:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        free = {name: value for name, value in os.environ.items() if name not in names}
        for label, environment in (("one thread", free | dict.fromkeys(names, "1")), ("all cores", free)):
            done = subprocess.run(
                [sys.executable, __file__, "run"], env=environment, capture_output=True, text=True, check=True
            )
            seconds, bits = done.stdout.split()
            print(f"{label}: {seconds} s of processor time, bits {bits}")
