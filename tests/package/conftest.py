"""What a repository is made with: a key, and a place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testnode import repository

pytest.register_assert_rewrite("package.making")


@pytest.fixture(scope="module")
def ring() -> Iterator[Path]:
    with repository.key_ring() as path:
        yield path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "repository"
