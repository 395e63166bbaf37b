# Everything a developer or CI runs. `make help` lists it; each target installs what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
BIN := .venv/bin
READY := .venv/.ready
BROWSER := .venv/.browser
CHARTS := .venv/.charts
IMAGES := .venv/.images
BENCH := .venv/.bench
SHOW := exporters/stratoscope/show
NODE := grafana/check/node_modules/.ready
TOOLS := build/tools/usr/bin
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)
SHELL_SCRIPTS = .ci/run $(shell grep -lE -d skip '^\#!/bin/(bash|busybox)' scripts/* scripts/guests/* $(SHOW)/*)
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/$(TOOLS):$(PATH)
# Images of containers often set it; then each worker and each process of the tests would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup tools hooks lock locked check lint types imports sizes docs rules test golden browser integration integration-full newcomer images bench demo audit dashboards dashboards-check dashboards-written charts chart-readme release publish clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# -- Getting ready -------------------------------------------------------------------------------------------------

setup: $(READY) ## .venv with everything that requirements/ locks, and this package
$(READY): pyproject.toml requirements/build.txt requirements/dev.txt scripts/setup
	@scripts/setup
	@touch $@

tools: $(TOOLS)/promtool ## prometheus and promtool of this distribution in build/tools
$(TOOLS)/promtool: $(SHOW)/get-debian.sh
	@scripts/get-debian prometheus
	@touch $@

$(BROWSER): requirements/browser.txt $(READY)
	@command -v chromium >/dev/null || scripts/apt-install chromium
	$(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes -r requirements/browser.txt
	@touch $@

$(CHARTS): requirements/charts.txt requirements/go.txt scripts/get-go $(READY)
	@command -v systemd-analyze >/dev/null || scripts/apt-install systemd
	$(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes -r requirements/charts.txt
	@scripts/get-go helm
	@scripts/get-go helm-docs
	@touch $@

$(IMAGES): requirements/images.txt $(READY)
	$(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes -r requirements/images.txt
	@touch $@

$(BENCH): requirements/bench.txt $(READY)
	$(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes -r requirements/bench.txt
	@touch $@

$(NODE): grafana/check/package-lock.json
	@command -v npm >/dev/null || scripts/apt-install nodejs npm
	npm ci --prefix grafana/check --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

hooks: $(READY) ## a git hook that runs the quick checks before each commit
	$(BIN)/pre-commit install

lock: $(READY) ## write requirements/*.txt anew; UPGRADE=1 takes the newest versions
	$(BIN)/python scripts/lock $(if $(UPGRADE),--upgrade)

# -- Checking ------------------------------------------------------------------------------------------------------

check: lint types imports locked sizes docs dashboards-written rules charts ## everything quick: the targets from lint to charts

lint: $(READY) ## ruff check, ruff format --check, shellcheck
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/shellcheck $(SHELL_SCRIPTS)

types: $(READY) ## mypy, strict; the benchmarks apart, as tests/bench and scripts both have a module `bare`
	$(BIN)/mypy
	MYPYPATH=tests/bench $(BIN)/mypy tests/bench

imports: $(READY) ## who may import whom
	$(BIN)/lint-imports

locked: $(READY) ## requirements/*.txt belong to this pyproject.toml, and an old pip takes those that changed
	$(BIN)/python scripts/lock --check
	$(BIN)/python scripts/try-locks

docs: $(READY) ## the tables in docs/ are those of the code; `scripts/metrics-docs` rewrites them
	$(BIN)/python scripts/metrics-docs --check

sizes: ## no Python file over 500 lines
	@find exporters grafana scripts tests -name '*.py' -exec wc -l {} + | awk \
	  '$$2 != "total" && $$1 > 500 {print $$2 ": " $$1 " lines, the limit is 500"; bad = 1} END {exit bad}'

dashboards-written: $(READY) ## grafana/dashboards is what grafana/boards makes
	$(BIN)/python scripts/dashboards --check

rules: $(TOOLS)/promtool ## promtool over the golden pages
	@scripts/check-rules

charts: $(CHARTS) $(TOOLS)/promtool ## Helm's chart; units of systemd, files of CI and of compose, what a release has
	$(BIN)/python -m pytest -n 2 -q -m charts tests/charts

chart-readme: $(CHARTS) ## write helm/stratoscope/README.md anew, and what its cases make (tests/golden/chart_*); review the diff
	"$$(scripts/get-go helm-docs)" --chart-search-root=helm --sort-values-order=file --log-level=warning
	STRATOSCOPE_GOLDEN=1 $(BIN)/python -m pytest -q -m charts tests/charts/test_chart_golden.py

# -- Testing -------------------------------------------------------------------------------------------------------

test: $(READY) $(TOOLS)/promtool ## all tests but integration and browser; branch coverage 95 %, core 100 %
	$(BIN)/python -m pytest -n 3 --cov --cov-branch --cov-report=
	$(BIN)/coverage report --fail-under=95
	$(BIN)/coverage report --fail-under=100 --include="*/stratoscope/core/*,*/stratoscope/downtime/*"

golden: $(READY) $(TOOLS)/promtool ## rewrite the golden files; review the diff
	$(BIN)/python scripts/rules
	STRATOSCOPE_GOLDEN=1 $(BIN)/python -m pytest -n 3

browser: $(BROWSER) ## the pages in Debian's Chromium: light, dark, narrow, by keyboard; pictures in build/screenshots
	$(BIN)/python -m pytest -p no:xdist -m browser tests/browser

integration: $(READY) $(TOOLS)/promtool ## real libvirt with QEMU guests, then a real OpenStack: the quick rounds (root or sudo)
	@$(SUDO) env "PATH=$$PATH" scripts/integration -m 'integration and not full'

integration-full: $(READY) $(TOOLS)/promtool ## the same, its slow rounds, the chart in a real kube-apiserver: before an issue is closed, before a release
	@$(SUDO) env "PATH=$$PATH" scripts/integration -m integration

newcomer: $(READY) ## README's commands on bare machines: before an issue is closed, before a release (root or sudo)
	@$(SUDO) env "PATH=$$PATH" $(BIN)/python scripts/newcomer

images: $(IMAGES) ## the image of each exporter, twice, then started: before an issue is closed, before a release (root or sudo)
	@$(SUDO) env "PATH=$$PATH" $(BIN)/python scripts/images

bench: $(BENCH) $(TOOLS)/promtool ## the benchmarks; writes build/bench.json
	$(BIN)/python tests/bench/run.py

audit: $(READY) ## known faults and licences of the dependencies (asks the advisory service)
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements/all.txt
	$(BIN)/python scripts/licences requirements/all.txt

# -- Dashboards ----------------------------------------------------------------------------------------------------

dashboards: $(READY) ## write grafana/dashboards anew from grafana/boards
	$(BIN)/python scripts/dashboards

dashboards-check: $(BROWSER) $(NODE) ## their types, and each drawn by Grafana's components; pictures in build/screenshots/dashboards
	npm run --silent --prefix grafana/check types
	$(BIN)/python -m pytest -p no:xdist -m drawn tests/drawn

# -- Releasing -----------------------------------------------------------------------------------------------------

release: $(CHARTS) ## the files of the release whose tag HEAD has, in build/release, and the wheel tried; REGISTRY=where images are
	$(BIN)/python scripts/release

publish: $(CHARTS) ## the chart of build/release and the images of build/images into REGISTRY, from where users take them
	@scripts/publish

# -- Showing -------------------------------------------------------------------------------------------------------

demo: $(READY) ## an embedded OpenStack and OpenNebula, all exporters, Prometheus, Alertmanager, rules; Ctrl-C ends it
	@$(BIN)/stratoscope demo --tools=build $(if $(DEMO_SECONDS),--seconds=$(DEMO_SECONDS))

clean: ## remove .venv, build and what Node installed
	rm -rf .venv build dist grafana/check/node_modules
