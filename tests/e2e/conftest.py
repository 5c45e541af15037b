"""A worker node for all end-to-end tests, and the stages that it goes through: installed, with VM universe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_kvm_stage.genconfig.probes import kvm
from condor_kvm_stage.host import Host
from e2e import records
from testnode import node, pool, run, stages
from testnode.node import Node
from testnode.recipe import Release

KVM = kvm.probe(Host())
# Seconds for one test with its fixtures: they may build roots, which takes a minute or two each. Each wait is shorter.
TIMEOUT = 900
# Six tests run at once, perhaps beside others' work: a deadline is to end what hangs, not what is slow
PATIENCE = 2


def pytest_configure(config: pytest.Config) -> None:
    run.be_patient(PATIENCE)
    config.addinivalue_line("markers", "guest: boots a KVM guest; skipped only where /dev/kvm does not work")
    config.addinivalue_line("markers", "full: runs in `make e2e-full` only; `make e2e` has its like")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("guest") and not KVM.usable:
            item.add_marker(pytest.mark.skip(reason=f"boots a guest: {KVM.reason}"))
        ours = Path(__file__).parent in item.path.parents  # pytest shows those of other directories, too
        if ours and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TIMEOUT))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    values = getattr(item, "funcargs", {}).values()
    item.user_properties += [(records.PLACE, place) for place in sorted(records.places(values))]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not KVM.usable:
        terminalreporter.write_line(f"NO GUEST WAS BOOTED: {KVM.reason}", red=True, bold=True)


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    assert os.geteuid() == 0, "end-to-end tests boot a node of their own: run them as root"


@pytest.fixture(scope="session")
def installed() -> Iterator[stages.Installed]:
    """A node with the package, from dnf."""
    with node.running() as worker:
        yield stages.install(stages.make_bare(worker))


@pytest.fixture
def bare() -> Iterator[stages.Bare]:
    """A node without the package, for a test that installs it itself."""
    with node.running() as worker:
        yield stages.make_bare(worker)


@pytest.fixture(scope="session")
def worker(installed: stages.Installed) -> Node:
    """The node with the package: it offers VM universe."""
    stages.wait_for_vm_universe(installed.node, KVM.usable)
    return installed.node


@pytest.fixture(scope="session")
def old() -> Iterator[Node]:
    """A node with the package and with HTCondor 23, which Debian trixie has."""
    with node.running(Release.TRIXIE) as worker:
        stages.install(stages.make_bare(worker))
        assert pool.major_version(worker) == 23
        yield worker


@pytest.fixture(scope="session", params=["worker", "old"], ids=["HTCondor-25", "HTCondor-23"])
def starter(request: pytest.FixtureRequest) -> Node:
    """A node whose starter stages images: one with each HTCondor."""
    found: Node = request.getfixturevalue(request.param)
    return found
