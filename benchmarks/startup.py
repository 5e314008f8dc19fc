"""Budget 8: time to the first word, as whole processes."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))
from measure import by_turns, machine

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    print(machine())

    def process(*arguments: str):
        return lambda: subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)

    times = by_turns(
        options.repeats,
        python=process("-c", "pass"),
        help=process("-m", "spikes", "--help"),
        theory=process("-c", "import theory"),
        predict=process("-c", "from theory import predict"),
        first=process("-m", "spikes", "predict", "--n", "200", "--d", "100", "--width", "150"),
    )
    for name, label in (
        ("help", "spikes --help (budget 0.35)"),
        ("theory", "import theory (budget 0.35)"),
        ("predict", "from theory import predict"),
        ("first", "spikes predict --n 200 --d 100 --width 150 (budget 1.3)"),
        ("python", "python -c pass"),
    ):
        print(f"{label}: {median(times[name]):.3f} s")
