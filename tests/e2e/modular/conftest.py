"""The node of each module: with libvirt's modular daemons and the package."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.modular import worker as modular
from testnode.node import Node
from testnode.stages import Installed, wait_for_vm_universe


@pytest.fixture(scope="module")
def installation() -> Iterator[Installed]:
    with modular.installed() as done:
        yield done


@pytest.fixture(scope="module")
def node(installation: Installed) -> Node:
    wait_for_vm_universe(installation.node, True)
    return installation.node
