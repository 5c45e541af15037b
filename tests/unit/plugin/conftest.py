"""Fixtures of the tests that ask HTCondor's own ClassAd library (classad2), which few distributions have."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.transfer_files import PREALLOCATED, Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """The in-file, not there yet, and the pre-allocated out-file."""
    infile, outfile = tmp_path / ".plugin.in", tmp_path / ".plugin.out"
    outfile.write_text(" " * PREALLOCATED)
    return infile, outfile
