# Everything runs in .venv, which the first command sets up.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-floor test-slow test-study validate test-browser lint docs tutorial figures clean

.venv/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

# Two processes share the tests, file by file: what a file computes for several of its tests is computed once.
SHARED := --numprocesses 2 --dist loadfile

demo: .venv/ready
	$(BIN)/spikes compare --figure demo.png

test: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(SHARED) -m "not slow and not study and not browser"

# The oldest versions that are declared, in an environment of their own: a formula of every kind, and the command line.
.venv-floor/ready: pyproject.toml .ci/floor.py
	$(PYTHON) -m venv .venv-floor
	$(PYTHON) .ci/floor.py > .venv-floor/versions.txt
	.venv-floor/bin/python -m pip install --quiet --requirement .venv-floor/versions.txt
	.venv-floor/bin/python -m pip install --quiet --no-deps .
	touch $@

FLOOR := tests/theory/statement tests/theory/laws/test_laws.py tests/theory/giant_steps/test_one_step.py \
	tests/theory/test_hermite.py tests/runtime tests/sweeps/test_durability.py tests/cli/test_cli.py tests/cli/test_paths.py

# Old versions beside new ones of what they need say of what is deprecated.
test-floor: .venv-floor/ready
	OMP_NUM_THREADS=1 .venv-floor/bin/python -m pytest --quiet -W ignore::DeprecationWarning -m "not slow and not study and not browser" $(FLOOR)

validate: .venv/ready
	$(BIN)/spikes validate --quick --quiet

test-slow: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(SHARED) -m slow

# Longer than a landing may take: levels over many draws, thousands of command lines, kills at random moments.
test-study: .venv/ready
	$(BIN)/python -m pytest -m study

# Needs a browser: apt-get install chromium chromium-driver
test-browser: .venv/ready
	$(BIN)/python -m pip install --quiet --group browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(SHARED) -m browser

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

.venv/docs: .venv/ready
	$(BIN)/python -m pip install --quiet --group docs
	touch $@

# GALLERY=0 leaves the tutorial's pages without their figures: `make tutorial` runs the same scripts.
GALLERY ?= 1

docs: .venv/docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -D plot_gallery=$(GALLERY) docs build/docs

tutorial: .venv/ready
	set -e; for page in docs/tutorial/*.py; do echo $$page; MPLBACKEND=Agg $(BIN)/python -W error $$page; done

figures: .venv/ready
	set -e; for script in figures/*.py; do echo $$script; $(BIN)/python $$script; done

clean:
	rm -rf .venv .venv-floor dist build demo.png docs/generated
