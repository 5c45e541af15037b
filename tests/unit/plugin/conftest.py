"""Fixtures of the plug-in's tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The in-file, not there yet, and the pre-allocated out-file."""
    from support.transfer_files import PREALLOCATED  # needs HTCondor's library, as those who use this

    infile, outfile = tmp_path / ".plugin.in", tmp_path / ".plugin.out"
    outfile.write_text(" " * PREALLOCATED)
    return infile, outfile
