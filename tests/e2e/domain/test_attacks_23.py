"""The same on HTCondor 23, where a job's scratch directory lies in EXECUTE itself."""

from __future__ import annotations

import pytest

from testnode.recipe import Release

from .cases import Attacks

pytestmark = [pytest.mark.guest, pytest.mark.full]


class TestHTCondor23(Attacks):
    release = Release.TRIXIE
