# The front door: `make help` says what there is. Everything that a target needs, it installs or names.

SHELL       := /bin/bash
# The system's Python, because RPM's Python binding (python3-rpm) belongs to it
PYTHON      ?= /usr/bin/python3
VENV        := .venv
VERSION     := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' src/condor_kvm_stage/__init__.py)
NAME        := condor-kvm-stage
RPM_INPUTS  := LICENSE README.md $(NAME).spec $(shell find config.d packaging src -type f -not -name '*.pyc') \
               scripts/vm-nfs-plugin scripts/condor-kvm-stage-genconfig

.DEFAULT_GOAL := help
.PHONY: help demo test lint unit test-rpm e2e bench fuzz rpm node clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: rpm ## (root) from the RPM to the first virtual machine, on a worker node made for it; shows every step
	@scripts/require-packages node
	@scripts/demo

test: lint unit test-rpm ## ruff, mypy, unit tests, tests of the built RPM

lint: $(VENV)/.made
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

unit: $(VENV)/.made
	$(VENV)/bin/pytest tests/unit

test-rpm: $(VENV)/.made rpm
	$(VENV)/bin/pytest tests/package

e2e: $(VENV)/.made rpm ## (root) the same as demo and more, as tests, on worker nodes made for them
	@scripts/require-packages node
	$(VENV)/bin/pytest tests/faults tests/e2e

bench: rpm ## (root) how long rendering and --check take, on a worker node made for it
	@scripts/require-packages node
	@scripts/bench

FUZZ_SECONDS ?= 600
fuzz: $(VENV)/.made ## ten minutes of fuzzing of the parsers (FUZZ_SECONDS=600), all at once
	@$(VENV)/bin/python -c 'import atheris' 2> /dev/null || $(VENV)/bin/pip install --quiet --editable '.[fuzz]'
	@$(VENV)/bin/python tests/fuzz/fuzz.py $(FUZZ_SECONDS)

# Built anew each time: it takes two seconds, and a stale package would be tested in vain. --nodeps: what dpkg has
# installed RPM does not know; require-packages sees to it.
rpm: ## dist/*.noarch.rpm and dist/*.src.rpm
	@scripts/require-packages build
	@echo "==> rpmbuild"
	@rm -rf build/rpm dist/$(NAME)-*.rpm && mkdir -p build/rpm/SOURCES dist
	@tar -czf build/rpm/SOURCES/$(NAME)-$(VERSION).tar.gz --transform='s,^,$(NAME)-$(VERSION)/,' --sort=name \
	    --owner=root:0 --group=root:0 $(RPM_INPUTS)
	@rpmbuild -ba --quiet --nodeps --define '_topdir $(CURDIR)/build/rpm' $(NAME).spec > build/rpm/log 2>&1 \
	    || { cat build/rpm/log; exit 1; }
	@cp build/rpm/RPMS/noarch/*.rpm build/rpm/SRPMS/*.rpm dist/
	@ls -1 dist/*.rpm

node: rpm ## (root) a worker node with the package's repository, to look around in, until Ctrl-C
	@scripts/require-packages node
	@scripts/test-node start

clean: ## remove what was made in this directory
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Made anew when the list of tools changes.
$(VENV)/.made: pyproject.toml
	@scripts/require-packages build
	@echo "==> virtual environment with the test tools ($(VENV))"
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --editable '.[test]'
	@touch $@
