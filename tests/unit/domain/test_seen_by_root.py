"""libvirt looks at each file of a disk as root: where a share gives root no rights, the job is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_kvm_stage.domain import seen_by_root
from condor_kvm_stage.domain.disks import DiskFile
from condor_kvm_stage.domain.request import Disk
from condor_kvm_stage.failures import AuthorizationError, SpecificationError
from support.processes import NOBODY
from support.public_directories import public

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody who is not root")
DISK = Disk("disk", "vda", "virtio", readonly=False, format="", cdrom=False)


@pytest.fixture
def closed() -> Iterator[Path]:
    """An image in a directory that only root may search, which makes root of the one who checks."""
    with public("/var/lib") as place:
        (place / "closed").mkdir(mode=0o700)
        (place / "closed/base.raw").write_bytes(bytes(512))
        yield place


def chain(place: Path) -> list[DiskFile]:
    return [DiskFile(DISK, str(place), "raw", relabel=True, backing=((str(place / "closed/base.raw"), "raw"),))]


def test_chain_that_can_be_looked_at_is_good(closed: Path) -> None:
    seen_by_root.check(chain(closed))


def test_directory_that_may_not_be_searched_is_named_with_what_helps(closed: Path) -> None:
    os.seteuid(NOBODY)
    try:
        with pytest.raises(AuthorizationError) as caught:
            seen_by_root.check(chain(closed))
    finally:
        os.seteuid(0)
    assert caught.value.check == "searchable"
    assert f"no right to search {closed}/closed, and libvirt" in str(caught.value)
    assert f"run: chmod o+x {closed}/closed;" in str(caught.value)


def test_image_that_is_gone_is_named(closed: Path) -> None:
    (closed / "closed/base.raw").unlink()
    with pytest.raises(SpecificationError, match=f"look at {closed}/closed/base.raw"):
        seen_by_root.check(chain(closed))
