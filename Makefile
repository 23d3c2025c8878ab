# `make serve` and `make test` do everything on a machine with Python, make and a network.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
SOURCE ?= $(or $(ORDERFOX_SOURCE),sim)

.PHONY: serve lab test check bench clean

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

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest

check: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: $(VENV)/.installed-test
	@echo "Installing what the benchmarks need"
	$(BIN)/python -m pip install --editable '.[bench]'
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
