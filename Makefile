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
.PHONY: help train test check lint bench parity native selftest sanitize clean

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
	$(PARITY)/bin/python -m pip uninstall --quiet --yes facula
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

# Without Python, and for Arm in an emulator, where a cross compiler and the emulator are found.
ARM      := aarch64-linux-gnu-g++
EMULATOR := $(firstword $(foreach name,qemu-aarch64-static qemu-aarch64,$(shell command -v $(name) 2>/dev/null)))
SELFTEST := -G Ninja -DFACULA_SELFTEST=ON
selftest: $(VENV)/.dev  ## check the vectors and products of csrc on every instruction set there is, and on Arm if it can
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake -S . -B build/selftest $(SELFTEST) >/dev/null
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake --build build/selftest
	build/selftest/selftest
	@if ! command -v $(ARM) >/dev/null; then echo "aarch64: not compiled, there is no $(ARM)"; else \
		export PATH="$(CURDIR)/$(BIN):$$PATH" && \
		cmake -S . -B build/selftest-aarch64 $(SELFTEST) -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
			-DCMAKE_CXX_COMPILER=$(ARM) -DCMAKE_EXE_LINKER_FLAGS=-static >/dev/null && \
		cmake --build build/selftest-aarch64 && \
		if [ -z "$(EMULATOR)" ]; then echo "aarch64: compiled, not run: there is no qemu-aarch64"; else \
			echo "aarch64, in an emulator:" && $(EMULATOR) build/selftest-aarch64/selftest; fi; fi

# The package with an instrumented extension, in build/sanitize. Leaks are not looked for: Python and NumPy leave much to
# the end of the process. libstdc++ comes along so that the sanitizer finds the function that throws exceptions.
SANITIZED := build/sanitize
sanitize: $(VENV)/.dev  ## run the tests of the extension with the address and undefined-behaviour sanitizers
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake -S . -B $(SANITIZED) -G Ninja -DFACULA_SANITIZE=ON \
		-DPython_EXECUTABLE="$(CURDIR)/$(BIN)/python" -DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$(CURDIR)/$(SANITIZED)/lib"
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake --build $(SANITIZED)
	rm -rf $(SANITIZED)/package && mkdir $(SANITIZED)/package
	cp -R src/facula $(SANITIZED)/package/ && rm -f $(SANITIZED)/package/facula/_C*.so
	cp $(SANITIZED)/lib/_C*.so $(SANITIZED)/package/facula/
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so):$$($(CXX) -print-file-name=libstdc++.so)" \
		ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONPATH="$(CURDIR)/$(SANITIZED)/package" \
		$(BIN)/python -m pytest -o pythonpath=$(SANITIZED)/package -p no:cacheprovider $(or $(ARGS),$(SANITIZED_TESTS))
SANITIZED_TESTS := tests/kernels tests/autograd/test_core.py tests/test_cpu.py

clean:  ## remove environments, builds and caches
	rm -rf $(VENV) $(PARITY) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis src/facula/_C*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
