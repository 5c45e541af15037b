"""No process of a test outlives it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.gahp import starter


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    while starter.STARTED:
        process = starter.STARTED.pop()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        process.kill()
        process.wait(starter.PATIENCE)
