"""The repository agrees with itself: constants that stand in two languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage import installed
from testnode import guest

pytestmark = pytest.mark.needs_repository

REPOSITORY = Path(__file__).parents[3]


def test_template_is_named_after_the_file_that_it_makes() -> None:
    assert [path.name for path in (REPOSITORY / "config.d").iterdir()] == [f"{Path(installed.SNIPPET).name}.j2"]


def test_guest_writes_what_the_tests_look_for(tmp_path: Path) -> None:
    image = tmp_path / "guest.raw"
    guest.write_base(image, "raw")
    content = image.read_bytes()
    boot_sector = content[: guest.SECTOR]
    assert boot_sector.endswith(b"\x55\xaa")
    assert guest.PATTERN in boot_sector
    # the address packet: 16 bytes long, one sector, to the buffer at 0000:8000, which goes to this block
    assert b"\x10\0\x01\0\0\x80\0\0" + guest.PATTERN_LBA.to_bytes(8, "little") in boot_sector
    assert not any(content[guest.SECTOR :])
