# GNU make and a POSIX shell. Needs Python 3.11 or later; uv is used when it is on PATH and fetched when not.
# Tests and checks work in .venv, `make run` in .tools/run: neither disturbs the other.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check words operations resource lint bench clean

# Many tests wait for a server or a client meanwhile: one process more than there are processors. A process that has no
# tests left takes those of another.
PROCESSORS = $(or $(shell getconf _NPROCESSORS_ONLN 2>/dev/null),1)
TOGETHER = -n $(shell expr $(PROCESSORS) + 1) --dist worksteal --durations=20

# Hundreds of servers start in the tests: without bytecode on disk each of them would compile every module.
unexport PYTHONDONTWRITEBYTECODE

# What `run`, `test` and `bench` pass on: make run ARGS="--port 9000", make test ARGS="tests/unit -k paging"
ARGS ?=

FIND_PYTHON = for name in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	"$$name" -c 'import sys; print(sys.executable if sys.version_info >= (3, 11) else sys.exit(1))' 2>/dev/null && break; \
	done
NO_PYTHON = Python 3.11 or later is needed, and none is on PATH. Install one, or name one: make PYTHON=/path/to/python3
PYTHON ?= $(or $(shell $(FIND_PYTHON)),$(error $(NO_PYTHON)))

OWN_UV := .tools/uv/bin/uv
PATH_UV := $(shell uv --version >/dev/null 2>&1 && command -v uv)
UV := $(or $(PATH_UV),$(OWN_UV))
SYNC = unset VIRTUAL_ENV; UV_PROJECT_ENVIRONMENT="$(@D)" "$(UV)" sync --frozen --python "$(PYTHON)"

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: .tools/run/.ready ## start the server; options go in ARGS, such as ARGS="--port 9000"
	@exec .tools/run/bin/trunkline serve $(ARGS)

test: lint ## check and test everything; ARGS narrows the tests, such as ARGS="tests/unit -k paging"
ifeq ($(strip $(ARGS)),)
	@.venv/bin/python -m pytest -p tests.coverage_probes $(TOGETHER)
	@PYTHONPATH=tests .venv/bin/python -m rules.coverage_floor
else
	@.venv/bin/python -m pytest $(TOGETHER) $(ARGS)
endif

check: lint ## format, lint, types and the rules of the tree, without the tests
	@.venv/bin/python -m pytest tests/rules --ignore tests/rules/test_docs.py

words: .venv/.ready ## print what is not in the field's words below a folder, ARGS="src/trunkline/core"
	@PYTHONPATH=tests .venv/bin/python -m rules.words $(ARGS)

operations: .venv/.ready ## write docs/operations.md, the list of operations by product
	@PYTHONPATH=tests .venv/bin/python -m rules.operations

resource: .venv/.ready ## write a new resource with its test, ARGS="sync widgets WD"
	@PYTHONPATH=tests .venv/bin/python -m rules.scaffold $(ARGS)

lint: .venv/.ready
	@.venv/bin/ruff format --check src tests benchmarks
	@.venv/bin/ruff check src tests benchmarks
	@.venv/bin/mypy

bench: .venv/.ready ## measure; ARGS chooses what
	@.venv/bin/python -m benchmarks $(ARGS)

clean: ## remove environments, caches and builds; data stay
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	rm -rf tests/node/node_modules benchmarks/node/node_modules
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready: pyproject.toml uv.lock | $(if $(PATH_UV),,$(OWN_UV))
	@$(SYNC) --all-extras
	@touch $@

.tools/run/.ready: pyproject.toml uv.lock | $(if $(PATH_UV),,$(OWN_UV))
	@$(SYNC) --no-dev --extra cluster
	@touch $@

$(OWN_UV):
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no program $(PYTHON), which PYTHON names" >&2; exit 1; }
	@echo "Fetching uv into .tools" >&2
	@"$(PYTHON)" -m venv .tools/uv || { echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
