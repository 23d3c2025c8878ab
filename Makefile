# `make serve` and `make test` do everything on a machine with Python, make and a network.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= $(or $(BACKEND_PORT),8000)
JOBS ?= 3
ARGS ?=
SOURCE ?= $(or $(ORDERFOX_SOURCE),sim)

.PHONY: serve lab test quick check js format bench binder docs docs-serve release-check clean

$(VENV)/.installed: pyproject.toml
	@echo "[1/2] Making $(VENV) with a pip that shows its progress"
	$(PYTHON) -m venv $(VENV)
	@# JupyterLab runs its own yarn with node, which would otherwise take the project's package.json for yarn's.
	@echo '{}' > $(VENV)/package.json
	$(BIN)/python -m pip install --upgrade 'pip>=25.1'
	@echo "[2/2] Downloading about 120 MB and installing, 2 to 3 minutes the first time"
	$(BIN)/python -m pip install --editable '.[bots,venues]'
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "Installing what the tests need"
	$(BIN)/python -m pip install --editable '.[test]'
	touch $@

serve: $(VENV)/.installed
	@echo "Starting the dashboard"
	$(BIN)/orderfox serve --port $(PORT) --source '$(SOURCE)'

$(VENV)/.installed-lab: $(VENV)/.installed
	@echo "Downloading 80 MB more: DuckDB and pyarrow, for SQL over recordings"
	$(BIN)/python -m pip install --editable '.[bots,recording,venues]'
	touch $@

lab: $(VENV)/.installed-lab
	ORDERFOX_SOURCE='$(SOURCE)' $(BIN)/jupyter lab --notebook-dir notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

# All tests, three files at a time, since a test waits for a server, a page or a timer half of its time: that keeps two
# cores at work. Those in a browser are first since they take longest; `make test ARGS="tests/core -k book"` runs some.
test: $(VENV)/.installed-test
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

# What to run after every change: folds, frames and style, in half a minute. The types are checked beside the tests, and
# the tests are three runs, of which one imports no server; plugins that they do not use take longer to import than those.
QUICK := ORDERFOX_HYPOTHESIS=quick $(BIN)/python -m pytest -q -p no:schemathesis -p no:nbval
quick: $(VENV)/.installed-test
	@$(MAKE) --jobs --output-sync=target --no-print-directory quick-types quick-core quick-desk quick-market quick-style

.PHONY: quick-style quick-types quick-core quick-desk quick-market
quick-style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

quick-types:
	$(BIN)/pyright $(wildcard $(patsubst %,orderfox_nb/%,core views analytics desk market))

quick-core:
	$(QUICK) $(wildcard $(patsubst %,tests/%,core views analytics)) tests/test_architecture.py

quick-desk:
	$(QUICK) tests/desk

# Without what starts a server.
quick-market:
	$(QUICK) tests/market -m 'not server'

check: $(VENV)/.installed-test node_modules/.package-lock.json
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	npm run --silent lint

# The tests of the page's modules alone, in node, which needs no Python.
js: node_modules/.package-lock.json
	npm run --silent lint
	node --test $$(find tests/js -name '*.test.js')

node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-test
	@echo "Installing what the benchmarks need"
	$(BIN)/python -m pip install --editable '.[bench]'
	$(BIN)/python -m benchmarks

# Binder's environment, built from the files in `binder/` into an empty one, with both links of the README opened on one
# core and 1 GB. Needs a package index and Chromium, and takes some minutes.
binder: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks.binder

$(VENV)/.installed-docs: $(VENV)/.installed
	@echo "Installing what the documentation needs"
	$(BIN)/python -m pip install --editable '.[docs]'
	touch $@

# The site, in `site/`; a warning, such as a broken link, is an error.
docs: $(VENV)/.installed-docs
	$(BIN)/mkdocs build --strict

# The site on http://127.0.0.1:8001/, rebuilt when a page changes.
docs-serve: $(VENV)/.installed-docs
	$(BIN)/mkdocs serve --dev-addr 127.0.0.1:8001

# What is published, as a stranger gets it: builds sdist and wheel, installs the wheel in empty environments of each Python that
# pyproject.toml names and with each extra, runs every command there, and follows README's quick start in a clean clone.
release-check: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q release $(ARGS)

clean:
	rm -rf $(VENV) site .pytest_cache .ruff_cache .hypothesis
