"""rpm 4.20 and dnf 4.23: Debian trixie."""

from __future__ import annotations

import pytest

from testnode.recipe import Release

from .building import BuildCells
from .cells import Cells

pytestmark = pytest.mark.full


class TestRpm420(BuildCells, Cells):
    release = Release.TRIXIE
    rpm = "4.20"
    dnf_version = "4.23"
