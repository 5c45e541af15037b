# `make help` lists the targets. A target installs or names everything that it needs.

SHELL       := /bin/bash
# The system's Python, because RPM's Python binding (python3-rpm) belongs to it
PYTHON      ?= /usr/bin/python3
VENV        := .venv
PYTEST      := $(VENV)/bin/pytest --durations=10
VERSION     := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' src/condor_kvm_stage/__init__.py)
NAME        := condor-kvm-stage
# The content of the source package: what a build and its %check need, and documentation
SOURCES     := CHANGELOG.md CONTRIBUTING.md LICENSE Makefile README.md $(NAME).spec pyproject.toml config.d docs packaging scripts src tests tools
# --nodeps: RPM does not know what dpkg has installed; require-packages checks that instead
RPMBUILD    := rpmbuild --quiet --nodeps --define '_topdir $(CURDIR)/build/rpm'

.DEFAULT_GOAL := help
VERIFY = verify-el9 verify-el10 verify-fedora verify-tumbleweed
.PHONY: help demo test lint unit test-pythons test-rpm e2e e2e-full tested $(VERIFY) cycles endurance bench bench-full bench-compare fuzz srpm rpm repo release node guest-image clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

demo: rpm ## (root) from the RPM to the first virtual machine, on a new worker node; shows every step
	@tools/require-packages node
	@tools/demo

test: lint unit test-rpm ## ruff, mypy, unit tests, tests of the built RPM

lint: $(VENV)/.made
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo

unit: $(VENV)/.made
	$(PYTEST) --numprocesses auto tests/unit

test-pythons: rpm ## unit tests of the RPM's modules on each installed Python, 3.9 to 3.14 (or PYTHONS="python3.9 …")
	@tools/test-pythons $(PYTHONS)

test-rpm: $(VENV)/.made rpm
	$(PYTEST) tests/package

# Six at once, also on two cores: they wait for HTCondor most of their time. In the order of their names: xdist would
# begin with the files of many tests, which are quick, and wait for the slow ones at the end
# The record of each is for `make tested`
E2E = $(PYTEST) --numprocesses 6 --dist loadfile --no-loadscope-reorder \
    --junitxml dist/$@.xml -o junit_suite_name='make $@' tests/faults tests/e2e
e2e: $(VENV)/.made rpm ## (root) end-to-end tests on worker nodes made for them: each part of the product
	@tools/require-packages node
	$(E2E) -m 'not full'

e2e-full: $(VENV)/.made rpm ## (root) all end-to-end tests: also each version of RPM, each attack on HTCondor 23, …
	@tools/require-packages node
	@tools/require-packages verify
	$(E2E)

tested: $(VENV)/.made ## docs/tested.md from the records of `make e2e-full` and `make verify-*` (or RECORDS="dist/… …")
	@mkdir -p build
	cd tools && ../$(VENV)/bin/python -m testnode.tested_page \
	    $(abspath $(or $(RECORDS),dist/e2e-full.xml $(wildcard dist/verify-*.xml))) > ../build/tested.md
	mv build/tested.md docs/tested.md

# HERE=yes: on this machine, which has the system and is to be thrown away. The system's Python, as for all nodes
$(VERIFY): rpm
	@$(if $(HERE),,tools/require-packages verify)
	@tools/verify $(@:verify-%=%) $(if $(HERE),--here) $(HTCONDOR:%=--htcondor=%)
verify-el9: ## (root) the package on AlmaLinux 9, in podman, with a VM job (HTCONDOR=25.0, 25.x, 24.0 or 23.0)
verify-el10: ## (root) the same on AlmaLinux 10 (HTCONDOR=25.0 or 25.x)
verify-fedora: ## (root) the same on Fedora, with its HTCondor
verify-tumbleweed: ## (root) the same on openSUSE Tumbleweed, without HTCondor and the job

cycles: $(VENV)/.made rpm ## (root) install and remove the package CYCLES=200 times on one worker node; takes an hour
	@tools/require-packages node
	CYCLES=$(or $(CYCLES),200) $(VENV)/bin/pytest --capture=no tests/e2e/install/test_cycles.py

endurance: $(VENV)/.made rpm ## (root) run VM_JOBS=200 VM jobs, 16 at once, on HTCondor 25 and 23; takes forty minutes
	@tools/require-packages node
	VM_JOBS=$(or $(VM_JOBS),200) $(VENV)/bin/pytest --capture=no tests/e2e/test_endurance.py

bench bench-full: $(VENV)/.made rpm
	@tools/require-packages node
	@$(VENV)/bin/python -c 'import matplotlib' 2> /dev/null || $(VENV)/bin/pip install --quiet --editable '.[bench]'
	@$(VENV)/bin/python tools/bench $(if $(filter bench-full,$@),--all,$(SECTIONS))

bench: ## (root) measure what docs/speed.md quotes: a table, dist/benchmark.* (or SECTIONS="one-disk query")
bench-full: ## (root) measure all sections of the benchmark

bench-compare: $(VENV)/.made ## which ratios of dist/benchmark.json are slower than those of docs/benchmark.json, beyond the spread
	@$(VENV)/bin/python tools/bench --compare

FUZZ_SECONDS ?= 600
fuzz: $(VENV)/.made ## fuzz the parsers for ten minutes (FUZZ_SECONDS=600), the domain builder with 100,000 job ads; 40,000 images
	@$(VENV)/bin/python -c 'import atheris' 2> /dev/null || $(VENV)/bin/pip install --quiet --editable '.[fuzz]'
	@$(VENV)/bin/python tests/fuzz/fuzz.py $(FUZZ_SECONDS)

# The packages are rebuilt each time: it takes three seconds, and tests of a stale one would be worthless.
srpm: ## dist/*.src.rpm, for mock, COPR and `rpmbuild --rebuild`
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
repo: rpm ## dist/repository, for dnf: signed packages and metadata (GPG_KEY=<key> REPO_URL=<its address>)
	@tools/make-repo dist/repository dist/*.rpm

release: ## check that all files agree on the version to be released; changes nothing
	@tools/release-check

node: rpm ## (root) a worker node with the package's repository, to look around in; Ctrl-C ends it
	@tools/require-packages node
	@tools/test-node start

guest-image: ## (root) dist/debian-13.qcow2, a guest for VM jobs: cloud-init, virtiofs, BIOS and UEFI (docs/guest-image.md)
	@tools/require-packages guest-image
	@mkdir -p dist
	@sh packaging/guest-image/build dist/debian-13.qcow2

clean: ## remove what was built in this directory, except dist/repository
	rm -rf $(VENV) build dist/*.rpm dist/*.qcow2 dist/benchmark.* dist/e2e*.xml dist/verify-*.xml dist/pool.json dist/nfs.json .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Recreated when the list of tools changes.
$(VENV)/.made: pyproject.toml
	@tools/require-packages build
	@echo "==> virtual environment with the test tools ($(VENV))"
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --editable '.[test]'
	$(VENV)/bin/pip download --quiet --no-deps --no-binary rpmlint --dest $(VENV)/sources \
	    "$$($(VENV)/bin/pip freeze | grep '^rpmlint==')"
	@touch $@
