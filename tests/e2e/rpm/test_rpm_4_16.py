"""rpm 4.16 and dnf 4.5, the level of EL 9: Debian bullseye."""

from __future__ import annotations

from testnode.recipe import Release

from .building import BuildCells
from .cells import Cells


class TestRpm416(BuildCells, Cells):
    release = Release.BULLSEYE
    rpm = "4.16"
    dnf_version = "4.5"
