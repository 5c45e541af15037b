"""One pool for the tests in this directory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.pool import site
from e2e.pool.site import Site


@pytest.fixture(scope="session")
def strangers() -> Iterator[Site]:
    """A pool whose members have no token yet, and whose workers have no package."""
    with site.running() as pool:
        yield pool


@pytest.fixture(scope="session")
def pool(strangers: Site) -> Site:
    """A pool whose members all have a token, and whose workers offer VM universe."""
    for name in (*site.ACCESS, *site.WORKERS):
        strangers.admit(name)
    strangers.wait_for(site.WORKERS, "true")
    strangers.install(older=site.UPGRADED)
    strangers.wait_for(site.WORKERS, 'HasVM && KvmStageFailed == ""')
    return strangers
