# Pintle. `make help` lists what there is; every target does its own set-up.
SHELL := /bin/bash
.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
UV := .tools/bin/uv
RUN := .venv/bin/python -m
export UV_PYTHON_DOWNLOADS := never

# What `make images push` calls the images. IMAGE_REGISTRY=registry.example.com/team
IMAGE_REGISTRY ?= docker.io/pintle
VERSION := 0.1.0
BUILDER ?= $(shell command -v docker >/dev/null && docker info >/dev/null 2>&1 && echo docker || echo buildah)

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}'

$(UV):
	python3 -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.synced: $(UV) uv.lock pyproject.toml runtime/pyproject.toml plugin/pyproject.toml
	$(UV) sync --frozen --quiet
	@touch $@

.PHONY: setup
setup: .venv/.synced ## Make .venv from uv.lock.

.PHONY: demo
demo: setup ## Raise a cluster and tell the whole story on it, beside a plain Deployment.
	@$(RUN) demo $(if $(MLFLOW_URI),--mlflow-uri "$(MLFLOW_URI)" --model "$(MODEL)" --versions "$(VERSIONS)")

.PHONY: demo-down
demo-down: setup ## Remove every trace of the demo.
	@$(RUN) demo down

.PHONY: format
format: setup ## Format the code.
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

.PHONY: lint
lint: setup ## Check format, lint, types and import contracts.
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

.PHONY: unit
unit: setup ## Run the tests that need no cluster.
	$(RUN) pytest -m "not slow" --numprocesses=auto $(ORDER) tests/unit tests/reconcile

# The order of tests is random, so that none leans on another, and so is what Hypothesis draws; but what passes on one
# machine is to pass on the next, so that `make test` has one order and draws the same, until SEED is another.
SEED ?= 1
.PHONY: test
test: ORDER = --randomly-seed=$(SEED) --hypothesis-seed=$(SEED)
test: lint unit ## Run lint, unit, reconcile, contract, crds, faults, e2e. Raises its own clusters.
	TESTBED_NAME=$${TESTBED_NAME:-pintle-test} $(RUN) pytest -m "not slow" $(ORDER) \
		tests/contract tests/crds tests/faults tests/e2e

# What a release of Kubernetes decides: what it makes of the kinds, what its API server answers, the main path.
OLDEST_KUBERNETES := v1.32.13
.PHONY: test-oldest
test-oldest: ORDER = --randomly-seed=$(SEED) --hypothesis-seed=$(SEED)
# A cluster of its own, as none is of two versions.
test-oldest: ON_OLDEST = TESTBED_KUBERNETES=$(OLDEST_KUBERNETES) TESTBED_NAME=$${TESTBED_NAME:-pintle}-oldest
test-oldest: setup ## Run crds, contract and the main path of e2e on the oldest supported Kubernetes.
	$(ON_OLDEST) $(RUN) pytest -m "not slow" $(ORDER) tests/crds tests/contract \
		tests/e2e/test_first_model.py tests/e2e/test_rollback.py tests/e2e/test_changes_under_load.py
	$(ON_OLDEST) $(RUN) testbed down

.PHONY: test-all
test-all: test test-oldest ## Run `make test` and `make test-oldest`, then what takes hours more.
	TESTBED_NAME=$${TESTBED_NAME:-pintle-test} $(RUN) pytest -m slow tests

.PHONY: mutants
mutants: setup ## Break the operator on purpose, in many ways, and see that a test notices each.
	$(RUN) tests.mutants $(ARGS)

.PHONY: e2e
e2e: setup ## Run the end-to-end tests alone; ARGS go to pytest.
	TESTBED_NAME=$${TESTBED_NAME:-pintle-test} $(RUN) pytest tests/e2e $(ARGS)

.PHONY: bench
bench: setup ## Measure rollbacks and requests on the test bed.
	TESTBED_NAME=$${TESTBED_NAME:-pintle-test} $(RUN) benchmarks

.PHONY: images
images: ## Build the operator and runtime images as $(IMAGE_REGISTRY)/...:$(VERSION).
	@for target in operator runtime; do \
		$(BUILDER) build --target $$target --tag $(IMAGE_REGISTRY)/$$target:$(VERSION) . || exit 1; \
	done

.PHONY: push
push: ## Push the images to IMAGE_REGISTRY.
	@for target in operator runtime; do $(BUILDER) push $(IMAGE_REGISTRY)/$$target:$(VERSION) || exit 1; done

.PHONY: scan sbom
scan: setup ## Have scanners look for what is wrong in the Dockerfile, the code and the manifests.
	$(RUN) supply scan
sbom: setup ## Write what is in each image, as CycloneDX, to dist/sbom.
	$(RUN) supply sbom dist/sbom

.PHONY: testbed-up testbed-down
testbed-up: setup ## Raise the test bed alone.
	$(RUN) testbed up
testbed-down: setup ## Take the test bed down.
	$(RUN) testbed down
