"""rpm 6.1 and dnf5: Debian testing. Its rpm builds in the column of dnf 4."""

from __future__ import annotations

from testnode.recipe import Release

from .cells import Cells


class TestDnf5(Cells):
    release = Release.TESTING
    rpm = "6.1"
    dnf = "dnf5"
    dnf_version = "5"
