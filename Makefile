# Every target says what it does: `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=

.PHONY: help venv demo demo-real test test-real real-binaries lint format bench bench-e2e soak lock clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(READY) ## make the virtual environment from the lock (the other targets do it when needed)

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(f"Python 3.11 or newer is needed, {sys.version.split()[0]} found; name another one: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing the locked requirements"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY) ## run the whole job on an embedded cluster (ARGS=--serve keeps it running for kubectl)
	@$(BIN)/multiarch-scheduler demo $(ARGS)

demo-real: real-binaries ## run the demo on a real control plane, built on first use
	@$(BIN)/python -m tests.cluster.demo $(ARGS)

test: $(READY) ## run every test that needs no Go toolchain
	@$(BIN)/python -m pytest -n auto $(ARGS)

test-real: real-binaries ## run the tests on the real API server, etcd, registry and kwok
	@$(BIN)/python -m pytest -m real $(ARGS)

real-binaries: $(READY) ## build the real control plane from Go modules (about 10 minutes the first time)
	@$(BIN)/python -m tests.cluster.binaries

lint: $(READY) ## ruff, mypy --strict and the import contract
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## format the code and sort its imports
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: $(READY) ## measure the decision core, image look-ups, the expander and the whole process, and print tables
	@$(BIN)/python -m bench.core
	@$(BIN)/python -m bench.images
	@$(BIN)/python -m bench.expander
	@$(BIN)/python -m bench.service

bench-e2e: real-binaries ## measure the service against kube-scheduler on a real control plane (half an hour)
	@$(BIN)/python -m bench.e2e $(ARGS)

soak: $(READY) ## run the scheduler for half an hour in a cluster full of faults (ARGS="--minutes 5" for less)
	@$(BIN)/python -m tests.faults.soak $(ARGS)

lock: ## renew the requirement locks from pyproject.toml (needs uv)
	@requirements/renew

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
