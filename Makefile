# The front door: `make help` says what there is. Everything that a target needs, it installs or names.

SHELL       := /bin/bash
# The system's Python, because RPM's Python binding (python3-rpm) belongs to it
PYTHON      ?= /usr/bin/python3
VENV        := .venv
VERSION     := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' src/condor_kvm_stage/__init__.py)
NAME        := condor-kvm-stage
# What is in the source package: all that a build and its %check need, and what goes with it
SOURCES     := CHANGELOG.md LICENSE Makefile README.md $(NAME).spec pyproject.toml config.d docs packaging scripts src tests tools
# --nodeps: what dpkg has installed RPM does not know; require-packages sees to it
RPMBUILD    := rpmbuild --quiet --nodeps --define '_topdir $(CURDIR)/build/rpm'

.DEFAULT_GOAL := help
.PHONY: help demo test lint unit test-pythons test-rpm e2e cycles bench fuzz srpm rpm repo release node clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: rpm ## (root) from the RPM to the first virtual machine, on a worker node made for it; shows every step
	@tools/require-packages node
	@tools/demo

test: lint unit test-rpm ## ruff, mypy, unit tests, tests of the built RPM

lint: $(VENV)/.made
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo

unit: $(VENV)/.made
	$(VENV)/bin/pytest tests/unit

test-pythons: rpm ## unit tests of the RPM's modules on each Python 3.9 to 3.14 that there is (or PYTHONS="python3.9 …")
	@tools/test-pythons $(PYTHONS)

test-rpm: $(VENV)/.made rpm
	$(VENV)/bin/pytest tests/package

# Four at once, also on two cores: they wait for HTCondor most of their time
e2e: $(VENV)/.made rpm ## (root) the same as demo and more, as tests, on worker nodes made for them
	@tools/require-packages node
	$(VENV)/bin/pytest --numprocesses 4 --dist loadfile tests/faults tests/e2e

cycles: $(VENV)/.made rpm ## (root) install and remove the package CYCLES=200 times on one worker node, for an hour
	@tools/require-packages node
	CYCLES=$(or $(CYCLES),200) $(VENV)/bin/pytest --capture=no tests/e2e/install/test_cycles.py

bench: $(VENV)/.made rpm ## (root) how fast all of it is, beside what one would take instead: a table, dist/benchmark.*
	@tools/require-packages node
	@$(VENV)/bin/python -c 'import matplotlib' 2> /dev/null || $(VENV)/bin/pip install --quiet --editable '.[bench]'
	@$(VENV)/bin/python tools/bench

FUZZ_SECONDS ?= 600
fuzz: $(VENV)/.made ## ten minutes of fuzzing of the parsers (FUZZ_SECONDS=600), and 100,000 jobs for the builder of guests
	@$(VENV)/bin/python -c 'import atheris' 2> /dev/null || $(VENV)/bin/pip install --quiet --editable '.[fuzz]'
	@$(VENV)/bin/python tests/fuzz/fuzz.py $(FUZZ_SECONDS)

# The packages are built anew each time: it takes three seconds, and a stale one would be tested in vain.
srpm: ## dist/*.src.rpm, which mock, COPR and `rpmbuild --rebuild` take
	@tools/require-packages build
	@echo "==> rpmbuild: the source package"
	@rm -rf build/rpm dist/$(NAME)-*.src.rpm && mkdir -p build/rpm/SOURCES build/rpm/SPECS dist
	@tools/source-archive $(NAME)-$(VERSION) $(SOURCES) > build/rpm/SOURCES/$(NAME)-$(VERSION).tar.gz
	@install -m 644 $(NAME).spec build/rpm/SPECS/
	@chmod 644 build/rpm/SOURCES/*
	@$(RPMBUILD) -bs --define '_srcrpmdir dist' build/rpm/SPECS/$(NAME).spec > build/rpm/log 2>&1 \
	    || { cat build/rpm/log; exit 1; }

# Without %check, because `make test` runs the same
rpm: srpm ## dist/*.noarch.rpm and dist/*.src.rpm
	@echo "==> rpmbuild: the package"
	@rm -f dist/$(NAME)-*.noarch.rpm
	@$(RPMBUILD) --rebuild --nocheck dist/$(NAME)-$(VERSION)-*.src.rpm > build/rpm/log 2>&1 \
	    || { cat build/rpm/log; exit 1; }
	@mv build/rpm/RPMS/noarch/*.rpm dist/
	@ls -1 dist/*.rpm

# Both are for tools/make-repo
export GPG_KEY REPO_URL
repo: rpm ## dist/repository, for dnf: signed packages and metadata (GPG_KEY=<key> REPO_URL=<where users find it>)
	@tools/make-repo dist/repository dist/*.rpm

release: ## do all places agree about the version that is to be released? Changes nothing
	@tools/release-check

node: rpm ## (root) a worker node with the package's repository, to look around in, until Ctrl-C
	@tools/require-packages node
	@tools/test-node start

clean: ## remove what was made in this directory, but for dist/repository
	rm -rf $(VENV) build dist/*.rpm dist/benchmark.* .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Made anew when the list of tools changes.
$(VENV)/.made: pyproject.toml
	@tools/require-packages build
	@echo "==> virtual environment with the test tools ($(VENV))"
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --editable '.[test]'
	@touch $@
