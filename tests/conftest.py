"""Fixtures and options of all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import public_directories

REPOSITORY = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files from what is rendered now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the golden file at a path in tests/data. A missing file fails the test."""

    def compare(name: str, text: str) -> None:
        path = DATA / name
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden file {path}; run pytest --update-golden, and read what it wrote"
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A temporary directory that everybody may search, in the place of pytest's own."""
    with public_directories.public() as path:
        yield path
