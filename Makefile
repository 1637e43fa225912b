# `make demo` and `make test` set up what they need in .venv; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PARALLEL = -n 3 --dist worksteal
INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt

# The tests start hundreds of processes, and each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test long lint types imports docs check clean

help:
	@echo "make demo    set up, then search all four families on real text and draw the curve"
	@echo "make test    set up, then run the tests"
	@echo "make long    the longest tests: whole searches, killed, waited for and repeated"
	@echo "make check   lint, types, import rules, documentation"
	@echo "make setup   only set up, for development"

setup: $(VENV)/.dev

demo: $(VENV)/.all
	$(BIN)/sparseift demo $(ARGS)

test: setup
	$(BIN)/python -m pytest $(PARALLEL) -m "not long" --ignore tests/docs $(ARGS)

long: setup
	$(BIN)/python -m pytest $(PARALLEL) -m long $(ARGS)

check: lint types imports docs

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

docs: setup
	$(BIN)/python -m pytest -q -n 2 tests/docs

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Stamps: installed again only when what is to be installed has changed.
$(VENV)/.all: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable ".[all]"
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable ".[dev]"
	@touch $@ $(VENV)/.all
