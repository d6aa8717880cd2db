# The one door. `make demo` and `make test` need Python 3.11+, git and the network for the first
# installation; everything goes into .venv, from locked requirements with hashes.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet
JOBS   ?= 3
SECONDS ?= 120

.DEFAULT_GOAL := help
.PHONY: help demo test e2e fuzz lint bench docs docs-check lock clean

help: ## Show this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "lanectl needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run: requirements/build.txt requirements/run.txt pyproject.toml | $(VENV)/python
	@echo "installing into $(VENV)" >&2
	$(PIP) --require-hashes -r requirements/build.txt -r requirements/run.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev: requirements/dev.txt $(VENV)/run
	@echo "installing the test tools into $(VENV)" >&2
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

npm = $(addprefix tests/$1/,package.json package-lock.json .npmrc)

$(VENV)/e2e: requirements/e2e.txt $(call npm,forge) $(VENV)/dev
	@echo "installing the forge emulator into $(VENV)" >&2
	$(PIP) --require-hashes -r requirements/e2e.txt
	$(BIN)/python -m tests.forge.node tests/forge $(VENV)/forge
	@touch $@

$(VENV)/outside/installed: $(call npm,outside) $(VENV)/e2e
	@echo "installing programs by others, 400 MB, into $(VENV)" >&2
	$(BIN)/python -m tests.forge.node tests/outside $(VENV)/outside
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v bwrap >/dev/null; then \
	  { apt-get update -qq; apt-get install -qq -y bubblewrap; } >/dev/null 2>&1 || echo "no bubblewrap: its tests are skipped" >&2; fi
	@touch $@

$(VENV)/lite/installed: $(call npm,ledger/lite) $(VENV)/e2e
	@echo "installing a Supabase server, 150 MB, into $(VENV)" >&2
	$(BIN)/python -m tests.forge.node tests/ledger/lite $(VENV)/lite
	@touch $@

$(VENV)/fuzz: requirements/fuzz.txt $(VENV)/dev
	@echo "installing the fuzzer into $(VENV)" >&2
	$(PIP) --require-hashes -r requirements/fuzz.txt
	@touch $@

demo: $(VENV)/run ## Run the main job on a real repository: pack, verify, apply, a refusal, the ledger
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: $(VENV)/e2e ## Run the tests (this machine only, no network) with branch coverage
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n $(JOBS) --cov --cov-report=term

e2e: $(VENV)/outside/installed $(VENV)/lite/installed ## Run the slow, real-world and many-process tests
	$(BIN)/python -m pytest -m e2e -n $(JOBS)

fuzz: $(VENV)/fuzz ## Fuzz every reader, or TARGETS, for SECONDS each
	@for target in $${TARGETS:-$$($(BIN)/python -m tests.fuzz.targets)}; do \
	  echo "$$target"; $(BIN)/python -m tests.fuzz.fuzz $$target --seconds $(SECONDS) || exit 1; done

lint: $(VENV)/dev ## Check style, types, imports, and that generated documents are current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

docs: $(VENV)/dev ## Generate the reference documents from the code
	$(BIN)/python docs/generate.py

bench: $(VENV)/e2e ## Measure whole processes against git, and the ledger, on this machine
	$(BIN)/python -m bench.bench
	$(BIN)/python -m bench.content
	$(BIN)/python -m bench.keyless
	$(BIN)/python -m bench.pull_request
	$(BIN)/python -m bench.verify_many
	$(BIN)/python -m bench.ledger
	$(BIN)/python -m bench.ledger_verify

lock: $(VENV)/dev ## Renew the locked requirements
	$(BIN)/uv pip compile -q --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile -q --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group pyproject.toml:build -o requirements/build.txt
	$(BIN)/uv pip compile -q --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements/run.txt -c requirements/build.txt --group pyproject.toml:dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile -q --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements/dev.txt --group pyproject.toml:e2e pyproject.toml -o requirements/e2e.txt
	$(BIN)/uv pip compile -q --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group pyproject.toml:fuzz -o requirements/fuzz.txt
	$(BIN)/python requirements/bare.py requirements/run.txt requirements/dev.txt requirements/e2e.txt

clean: ## Remove the environment and all caches
	rm -rf $(VENV) .fuzz .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
