"""rpm 6.1 and dnf 4.24: Debian testing."""

from __future__ import annotations

from testnode.recipe import Release

from .building import BuildCells
from .cells import Cells


class TestRpm61(BuildCells, Cells):
    release = Release.TESTING
    rpm = "6.1"
    dnf_version = "4.24"
