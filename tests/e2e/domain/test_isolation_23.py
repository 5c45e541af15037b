"""Attacks of one user's jobs on another's, and on the node, on HTCondor 23."""

from __future__ import annotations

import pytest

from testnode.recipe import Release

from .isolation_cases import Isolation

pytestmark = [pytest.mark.guest, pytest.mark.full]


class TestHTCondor23(Isolation):
    release = Release.TRIXIE
