# mcufleet: `make help` says what there is. Everything lives in .venv; nothing else on the machine is changed.
# Needs Linux or macOS, make, and Python 3.11 or newer. No compiler: the one for the engine is a Python package.

SHELL := /bin/sh
.SUFFIXES:
.PHONY: help demo test check clean

NEWEST := python3.14 python3.13 python3.12 python3.11 python3 python
PYTHON ?= $(shell for p in $(NEWEST); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
RUN_STAMP := $(VENV)/.installed-run
TEST_STAMP := $(VENV)/.installed-test

# Real data sets, where a folder of them lies beside this one; some tests compare with them and say so when it is absent.
ifneq ($(wildcard ../shared/data),)
export FLEET_DATA ?= $(abspath ../shared/data)
endif

help:
	@echo "make demo    installs into .venv, runs scenarios/quickstart.yaml, says where the report is"
	@echo "make test    runs every test (installs torch and the test tools first)"
	@echo "make check   lint, format and types: what CI asks before the tests"
	@echo "make clean   removes .venv and what tools left behind; runs stay"
	@echo
	@echo "PYTHON=python3.12 make demo   chooses the interpreter; now: $(or $(PYTHON),none that is new enough)"

demo: $(RUN_STAMP)
	$(BIN)/fleet run scenarios/quickstart.yaml

test: $(TEST_STAMP)
	$(BIN)/python -m pytest $(TESTS)

check: $(TEST_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# A stamp tells that .venv holds what the two files ask for. The tests' set contains the run's.
$(RUN_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(TEST_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[solar,test,torch]'
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[ota]' || \
		echo "not installed: detools, which needs a C compiler; tests of patches will be skipped" >&2
	@touch $(RUN_STAMP) $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
		echo "Python: expected 3.11 or newer, found none ($(NEWEST)); install one, or name it: PYTHON=/path/to/python make demo"; \
		exit 2; } >&2
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON): expected Python 3.11 or newer, got $$("$(PYTHON)" --version 2>&1); name another: PYTHON=/path/to/python make demo"; \
		exit 2; } >&2
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) -m venv: expected a virtual environment with pip, got none; on Debian and Ubuntu the venv module"; \
		echo "is a package of its own: apt install python3-venv, then try again"; \
		exit 2; } >&2
