"""Fixtures of the tests that need libvirt's schema, and lxml, which a package's build root has not."""

from __future__ import annotations

import pytest
from unit.schema.libvirts import Schema


@pytest.fixture(scope="session")
def schema() -> Schema:
    return Schema()
