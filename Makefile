# make demo   set up and run the main job on real input
# make test   set up and pass the tests
# make faults what a run survives: workers, drivers and nodes killed, poisoned videos, failing stores
# make faults-long   the same at length, and a soak of 500 videos (an hour)
# make pictures   swap what swappers break on, to be looked at: build/pictures.png
# make check  style, types and import rules
# make lock   make the lock files from pyproject.toml (needs a network)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
STAMP := $(VENV)/.locked
UV_VERSION := 0.13.9
LOCK := $(PYTHON) -m venv build/lock && build/lock/bin/pip install -q uv==$(UV_VERSION) && build/lock/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --quiet

.PHONY: demo test faults faults-long pictures check lock setup clean
.DELETE_ON_ERROR:

setup: $(STAMP)

# Made anew only when the lock or the package's own metadata changes.
$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "fsp_ray needs Python 3.11 or newer, not " + sys.version.split()[0] + ". Name one: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(STAMP)
	$(BIN)/fsp demo

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not faults and not faults_long"

faults: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) -m "faults and not faults_long"

faults-long: $(STAMP)
	$(BIN)/python -m pytest -m "faults or faults_long" --durations=0

pictures: $(STAMP)
	FSP_RAY_PICTURES=build/pictures.png $(BIN)/python -m pytest tests/integration/test_hard_pictures.py

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright

lock:
	$(LOCK) -o requirements.lock
	$(LOCK) --group dev -o requirements-dev.lock

clean:
	rm -rf $(VENV) build *.egg-info
