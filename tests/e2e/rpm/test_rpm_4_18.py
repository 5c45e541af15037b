"""rpm 4.18 and dnf 4.14: Debian bookworm."""

from __future__ import annotations

import pytest

from testnode.recipe import Release

from .building import BuildCells
from .cells import Cells

pytestmark = pytest.mark.full


class TestRpm418(BuildCells, Cells):
    release = Release.BOOKWORM
    rpm = "4.18"
    dnf_version = "4.14"
