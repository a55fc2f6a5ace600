# What a person does with a clone. Everything runs in .venv, which the first target that needs it makes.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/installed
WORKERS ?= 2
FUZZ ?= 100000

# One thread a worker: the tests run in parallel, and small matrices gain nothing from threads.
export OMP_NUM_THREADS := 1
PYTEST := $(BIN)/pytest
PARALLEL := $(PYTEST) -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-all fuzz bench docs lint clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(INSTALLED) ## the derivation of the inverse's gradient, the function it emits, and its tests
	@$(BIN)/python examples/demo.py

test: lint ## lint, types, layers and the tests
	@$(PARALLEL) -m "not full"

test-fast: $(INSTALLED) ## the quick tests alone, without lint: a minute on two cores (WORKERS=8 on more)
	@$(PARALLEL) -m "not full and not slow"

test-all: lint ## everything: the full matrices of back ends and properties, and the long fuzz too
	@$(PARALLEL)
	@$(MAKE) fuzz

fuzz: $(INSTALLED) ## the parser and derive on FUZZ random expressions (100,000)
	@GRADWRIGHT_FUZZ=$(FUZZ) $(PARALLEL) tests/test_fuzz.py

bench: $(INSTALLED) ## the benchmarks, side by side with hand-written code; writes docs/benchmarks.md
	@$(BIN)/python -m benchmarks

docs: $(INSTALLED) ## run every example of the documentation and compare what it prints
	@$(PYTEST) README.md docs tests/test_documentation.py

lint: $(INSTALLED) ## ruff, pyright and the layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports

clean: ## remove what the targets made
	rm -rf .venv .pytest_cache .hypothesis .ruff_cache .import_linter_cache build dist src/*.egg-info tests/katex/node_modules

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "gradwright needs Python 3.11 or newer, and no python3 is on the path"; exit 2; }
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "gradwright needs Python 3.11 or newer, and $(PYTHON) is older: make PYTHON=python3.12 …"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@$(BIN)/python -m compileall -q src
	@$(BIN)/python tests/typesetting.py
	@touch $@
