# `make serve` and `make test` do everything on a machine with Python, make and a network.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
JOBS ?= 2
ARGS ?=
SOURCE ?= $(or $(ORDERFOX_SOURCE),sim)

.PHONY: serve lab test quick check format bench clean

$(VENV)/.installed: pyproject.toml
	@echo "[1/2] Making $(VENV) with a pip that shows its progress"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade 'pip>=25.1'
	@echo "[2/2] Downloading about 106 MB and installing, 2 to 3 minutes the first time"
	$(BIN)/python -m pip install --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "Installing what the tests need"
	$(BIN)/python -m pip install --editable '.[test]'
	touch $@

serve: $(VENV)/.installed
	@echo "Starting the dashboard"
	$(BIN)/orderfox serve --port $(PORT) --source '$(SOURCE)'

lab: $(VENV)/.installed
	ORDERFOX_SOURCE='$(SOURCE)' $(BIN)/jupyter lab --notebook-dir notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

# All tests, two files at a time, those in a browser first since they take longest; `make test ARGS="tests/core -k book"` runs some of them.
test: $(VENV)/.installed-test
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

# What to run after every change: folds, frames and style, in half a minute.
quick: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright orderfox_nb/core orderfox_nb/views orderfox_nb/desk
	$(BIN)/python -m pytest -q --numprocesses $(JOBS) tests/core tests/views tests/desk tests/test_architecture.py

check: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-test
	@echo "Installing what the benchmarks need"
	$(BIN)/python -m pip install --editable '.[bench]'
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
