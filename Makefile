# Everything that a person or CI does, by name. Needs Python 3.11+, make and git; nothing else.
.DEFAULT_GOAL := help
.PHONY: help run test faults check format lock bench pictures migration clean build

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/run.stamp
DEV := $(VENV)/dev.stamp
WORKERS ?= 3
# Where Python is told to keep no compiled modules, each of the many processes would compile all.
export PYTHONDONTWRITEBYTECODE =

help: ## This list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Convoca needs Python 3.11 or newer; this is $$($(PYTHON) --version). Say: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv"; exit 1; }

# Only what was locked, and nothing that was not: see requirements/.
$(RUN): requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing what Convoca needs (once) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.txt $(RUN)
	@echo "Installing what the tests need (once) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

run: $(RUN) ## Web and worker on http://127.0.0.1:8000, with the demonstration cycle
	@exec $(BIN)/convoca start

test: $(DEV) ## All tests, on SQLite and PostgreSQL
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

faults: $(DEV) ## What happens when things go wrong: killed, stopped, full, locked (docs/faults.md)
	@$(BIN)/python -m pytest tests/faults -n 2 --dist worksteal

check: $(DEV) ## Lint, types, import rule, translations, migrations, locked dependencies, their known holes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.checks.migrations
	@$(BIN)/python -m tests.checks.translations
	@$(BIN)/python -m tests.checks.locked
	@$(BIN)/python -m tests.checks.tree
	@$(BIN)/python -m tests.checks.advisories

format: $(DEV) ## Lay the code out
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

lock: $(DEV) ## Write requirements/*.txt anew from pyproject.toml
	@$(BIN)/pip install --quiet uv
	@$(BIN)/python requirements/lock.py

migration: $(DEV) ## A new migration from the tables: make migration NAME="what changes"
	@$(BIN)/python -m tests.checks.migrations --write "$(NAME)"

bench: $(DEV) ## Figures, each as a ratio to a reference measured in the same run
	@$(BIN)/python -m bench

pictures: $(DEV) ## The pictures in the README and docs, taken from the demonstration cycle
	@$(BIN)/python -m docs.pictures

build: $(DEV) ## The wheel, in dist/
	@$(BIN)/python -m hatchling build -t wheel

clean: ## Take away the environment and what the tests left; the data in var/ stays
	@rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
