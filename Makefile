# Every target sets up what it needs (a .venv in this folder) on a machine that has only Python and, if the native
# kernels are wanted, a C++ compiler. `make help` lists the targets.

PYTHON ?= python3
ARGS   ?=
# Extra arguments for the installation of PyTorch, for instance an index that has its CPU-only build.
PARITY_PIP_ARGS ?=

VENV   := .venv
PARITY := .venv-parity
BIN    := $(VENV)/bin
NATIVE := pyproject.toml CMakeLists.txt src/facula/_version.py $(wildcard csrc/*)
SOURCE := $(shell find src -name '*.py' 2>/dev/null)
PIP    := -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help train test check lint bench parity native clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 10

# One environment, two stages: what training needs, and on top of it the tools for tests and checks. Whichever
# stage runs installs facula, editable, so changes to Python files count at once; changes to csrc rebuild it.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.train: $(NATIVE) | $(BIN)/python
	$(BIN)/python $(PIP) --editable '.[train]'
	@touch $@

$(VENV)/.dev: $(NATIVE) | $(BIN)/python
	$(BIN)/python $(PIP) --editable '.[dev]'
	@touch $(VENV)/.train $@

$(PARITY)/bin/python:
	$(PYTHON) -m venv $(PARITY)

$(PARITY)/.torch: pyproject.toml | $(PARITY)/bin/python
	$(PARITY)/bin/python $(PIP) $(PARITY_PIP_ARGS) "$$(sed -nE 's/.*"(torch==[^"]+)".*/\1/p' pyproject.toml)"
	@touch $@

# Not editable: comparisons and timings are of the package as a user installs it.
$(PARITY)/.facula: $(NATIVE) $(SOURCE) | $(PARITY)/.torch
	$(PARITY)/bin/python $(PIP) --force-reinstall --no-deps .
	$(PARITY)/bin/python $(PIP) '.[parity]'
	@touch $@

train: $(VENV)/.train  ## train a Fashion-MNIST classifier (ARGS="--epochs 3 ..." go to facula train)
	$(BIN)/facula train $(ARGS)

test: $(VENV)/.dev  ## run the tests and the examples in the docstrings (FACULA_DATA: use the real data too)
	$(BIN)/python -m pytest --ignore=tests/parity $(ARGS)

lint: $(VENV)/.dev  ## linter, format of imports, types
	$(BIN)/ruff check
	$(BIN)/mypy

check: lint test  ## lint and test

parity: $(PARITY)/.facula  ## compare with PyTorch (installs it into .venv-parity)
	$(PARITY)/bin/python -m pytest -o pythonpath= tests/parity $(ARGS)

bench: $(PARITY)/.facula  ## measure beside PyTorch (ARGS="--quick" for a short run)
	$(PARITY)/bin/python benchmarks $(ARGS)

native: $(VENV)/.dev  ## build the extension into the source tree, for work on csrc
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake -S . -B build/native -G Ninja -DPython_EXECUTABLE="$(CURDIR)/$(BIN)/python" \
		-DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$(CURDIR)/src/facula"
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake --build build/native

clean:  ## remove environments, builds and caches
	rm -rf $(VENV) $(PARITY) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis src/facula/_C*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
