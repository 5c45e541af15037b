"""Attacks on the domain builder of a node whose START lets them in, on HTCondor 25."""

from __future__ import annotations

import pytest

from testnode.recipe import Release

from .cases import Attacks

pytestmark = pytest.mark.guest


class TestHTCondor25(Attacks):
    release = Release.TESTING
