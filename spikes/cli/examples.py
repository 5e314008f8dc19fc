"""Examples under the help of every command, by its words. They are run by the tests, so none is a promise."""

from __future__ import annotations

__all__ = ["EXAMPLES", "as_epilog"]

EXAMPLES: dict[str, tuple[str, ...]] = {
    "predict": (
        "spikes predict --alpha 0.45 --ridge 0.01,0.1,1",
        "spikes predict --n 500 --d 250 --width 400 --json - | jq .theory",
    ),
    "simulate": (
        "spikes simulate --n 1000 --d 500 --width 750 --seeds 12 --json runs.json",
        "spikes simulate --data inputs.npz --figure mine.png",
        "spikes simulate --data table.csv --label target --standardize --ridge 0.01,0.1,1",
    ),
    "compare": (
        "spikes compare --figure compare.png",
        'spikes compare --activation tanh --target "sin(z)" --second-layer rademacher --alpha 0.5',
    ),
    "spectrum": (
        "spikes spectrum table.csv --figure spectrum.png",
        "spikes spectrum model.safetensors --report layers.html",
    ),
    "readout": (
        "spikes readout features.npy labels.npy --n 100,300,1000 --figure readout.png",
        "spikes readout table.csv --label target --ridge 0.01,0.1,1",
    ),
    "matrix-free": ("spikes matrix-free --n 20000 --d 500 --width 750 --seeds 2",),
    "tune": (
        "spikes tune --n 400 --d 200 --width 300 --activation tanh --figure tune.png",
        "spikes tune --optimizer sign --check --seeds 12",
    ),
    "rerun": ("spikes rerun result.json", "spikes rerun result.json --figure again.png"),
    "sweep": ("spikes sweep study.toml", "spikes sweep study.toml --output results.sqlite --resume"),
    "results": ('spikes results results.sqlite --where "alpha=0.3, d>=500" --csv runs.csv',),
    "plot": ("spikes plot results.sqlite --x alpha --y test_error --by ridge --figure sweep.png",),
    "validate": ("spikes validate --list", "spikes validate --quick conditional --report report.html"),
    "reproduce": (
        "spikes reproduce 2310.07891 spectrum --output papers",
        "spikes reproduce giant --scale 0.5 --seeds 2 --json giant.json",
        "spikes reproduce local --list",
    ),
    "explore": ("spikes explore --open", "spikes explore --port 5006 --workers 2"),
    "nonlinear staircase": ("spikes nonlinear staircase --n 500 --d 250 --width 375 --figure staircase.png",),
    "nonlinear spectrum": ("spikes nonlinear spectrum --alphas 0.1,0.3,0.45 --figure spectra.png",),
    "nonlinear decomposition": ("spikes nonlinear decomposition --sizes 250,500,1000 --alpha 0.2",),
    "nonlinear conditions": (
        "spikes nonlinear conditions --activation relu",
        'spikes nonlinear conditions --activation erf --target "sin(z)" --second-layer rademacher',
    ),
    "giant analyse": ('spikes giant analyse --target "z1 + z1*z2"', 'spikes giant analyse --target "He3(z)"'),
    "giant step": ('spikes giant step --d 200 --n 800 --width 300 --target "z1 + z1*z2"',),
    "giant trajectory": ('spikes giant trajectory --d 200 --n 800 --width 300 --steps 3 --target "z1 + z1*z2"',),
    "giant curve": ("spikes giant curve --d 32 --width 128 --exponents 1.2,1.6,2.0 --figure curve.png",),
    "local train": ("spikes local train --figure loss.png",),
    "local certificate": ("spikes local certificate --figure certificate.png",),
}


def as_epilog(examples: tuple[str, ...]) -> str:
    """The text under a help page, each example on a line of its own."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples)
