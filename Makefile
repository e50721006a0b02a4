# `make` alone prints what there is to do.
.DEFAULT_GOAL := help
SHELL := bash
PY := .venv/bin/python
CLUSTER := PYTHONPATH=tests $(PY) -m cluster
COMPILE := .venv/bin/uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11

.PHONY: help demo test lint unit integration browser screenshots test-long bench lock clean cluster cluster-down test-cluster bench-cluster

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Install what is missing, walk the whole job, stay up (EXIT=1: stop after the walk)
	@scripts/install demo
	@$(PY) -m tidegate.cli.main demo --state .demo $(if $(EXIT),--exit)

test: lint unit integration browser ## Lint, types, contracts and all tests
	@echo "All parts of 'make test' ran: lint, unit, integration, browser."

lint: ## Format, ruff, mypy, import contracts, dependencies
	@scripts/install dev
	@.venv/bin/ruff format --check -q .
	@.venv/bin/ruff check -q .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache
	@.venv/bin/deptry .

unit: ## Tests without processes or ports
	@scripts/install dev
	@.venv/bin/pytest -q -n 2 tests/unit

integration: ## Tests with the real hub, proxy, sandbox and sample XNAT
	@scripts/install dev
	@.venv/bin/pytest -q -n 2 --dist loadscope -m 'not long' tests/integration

browser: ## The main job clicked through in Chromium
	@scripts/install dev
	@.venv/bin/pytest -q tests/browser

screenshots: browser ## Take the pictures of README and docs anew
	@cp .cache/screenshots/{start-page,workspace,draft,review-1,released,officer}.png docs/images/

cluster: ## A real Kubernetes on this machine, left up (as root; needs Go)
	@scripts/install dev
	@$(CLUSTER) up

cluster-down: ## Take it down again, leaving nothing
	@scripts/install dev
	@$(CLUSTER) down

test-cluster: ## The production path proved on it; taken down afterwards (KEEP=1: left up)
	@scripts/install dev
	@$(CLUSTER) test $(if $(KEEP),--keep)

bench-cluster: ## The controller's bars at full size, on the cluster that is up (half an hour; not in CI)
	@scripts/install dev
	@$(CLUSTER).bench

test-long: ## Soaks and fault runs (at most 20 minutes)
	@scripts/install dev
	@.venv/bin/pytest -q -m long tests

bench: ## Ratios against peers and limits, in one run
	@scripts/install dev
	@$(PY) -m benchmarks

lock: ## Resolve and hash all Python dependencies anew
	@$(COMPILE) requirements/uv.in -o requirements/uv.txt
	@$(COMPILE) requirements/node.in -o requirements/node.txt
	@$(COMPILE) requirements/workspace.in -o requirements/workspace.txt
	@$(COMPILE) requirements/workspace-image.in -o requirements/workspace-image.txt
	@$(COMPILE) requirements/workspace-gpu.in -o requirements/workspace-gpu.txt
	@$(COMPILE) requirements/build.in -o requirements/build.txt
	@$(COMPILE) pyproject.toml -o requirements/services.txt
	@$(COMPILE) requirements/session.in -o requirements/session.txt
	@$(COMPILE) pyproject.toml --extra demo -o requirements/demo.txt
	@$(COMPILE) pyproject.toml --extra kubernetes -o requirements/kubernetes.txt
	@$(COMPILE) requirements/services-image.in -o requirements/services-image.txt
	@$(COMPILE) requirements/hub-image.in -o requirements/hub-image.txt
	@$(COMPILE) pyproject.toml --extra dev -o requirements/dev.txt
	@$(COMPILE) tests/cluster/requirements.in -o tests/cluster/requirements.txt
	@$(COMPILE) tests/cluster/requirements/nca.in -o tests/cluster/requirements/nca.txt
	@$(COMPILE) tests/cluster/requirements/scanners.in -o tests/cluster/requirements/scanners.txt

clean: ## Remove environments, caches and the demo's state
	@rm -rf .venv .venv-workspace node_modules .cache .demo .mypy_cache .ruff_cache .hypothesis .coverage
