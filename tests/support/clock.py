"""The time zone of tests that show times."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest


def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Show times in UTC, wherever this runs. A fixture, for the modules that need it."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
