"""Images that QEMU opens for a guest that reads them, but not for one that writes to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage.failures import SpecificationError
from condor_kvm_stage.images import image
from condor_kvm_stage.images.image_file import Image
from condor_kvm_stage.policy.model import StagingPolicy
from hostile import CLUSTER, tables
from hostile.case import Case
from support.qemu_oracle import Oracle


def inspect(path: Path, *, is_written: bool) -> Image:
    job_file = image.JobFile("disk a.qcow2", is_written=is_written)
    return image.inspect(str(path), StagingPolicy(), lambda step: None, job_file)


@pytest.mark.parametrize("case", [*tables.WRITTEN_CASES, tables.FEATURE_THAT_IS_CLEARED], ids=str)
def test_image_is_refused_if_a_guest_writes_to_it(case: Case, tmp_path: Path) -> None:
    path = case.build(tmp_path)
    inspect(path, is_written=False)
    with pytest.raises(SpecificationError, match=r"^disk a\.qcow2 has .*; ") as caught:
        inspect(path, is_written=True)
    assert caught.value.check == case.check


@pytest.mark.parametrize("case", tables.WRITTEN_CASES, ids=str)
def test_qemu_opens_it_for_reading_only(case: Case, tmp_path: Path) -> None:
    path = case.build(tmp_path)
    with Oracle() as oracle:
        assert oracle.try_to_open(path, "qcow2", writable=False).fault == ""
        assert oracle.try_to_open(path, "qcow2", writable=True).fault


def ones(mib: int, **more: object) -> bytes:
    """An image whose bitmap is nothing but ones, all in memory."""
    return tables.large_bitmap(mib, table=tables.ALL_ONES.to_bytes(8, "big") * ((mib << 20) // CLUSTER), **more)


AT_THE_BOUNDS = {
    "bitmap": ones(47),
    "bitmaps": tables.with_bitmaps(tables.many_bitmaps(64, b"x" * 507)),
    "snapshots": tables.with_snapshots(tables.many_snapshots(64, b"x" * 500)),
    "L1 table": ones(8, l1_size=4 << 20, l1_table_offset=16 * CLUSTER) + bytes(48 << 20),
}


@pytest.mark.parametrize("writable", [True, False], ids=["read-write", "read-only"])
@pytest.mark.parametrize("name", AT_THE_BOUNDS)
def test_what_is_just_allowed_is_cheap_to_open(name: str, writable: bool, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(AT_THE_BOUNDS[name])
    inspect(path, is_written=writable)
    with Oracle() as oracle:
        opened = oracle.try_to_open(path, "qcow2", writable=writable)
    assert opened.fault == ""
    assert opened.processor < 1
    assert opened.memory < 64 << 20


@pytest.mark.parametrize("bits", [9, 12, 13, 15])
@pytest.mark.parametrize("used", [True, False], ids=["bitmaps", "outdated bitmaps"])
def test_header_may_be_as_full_as_qemu_allows(bits: int, used: bool, tmp_path: Path) -> None:
    """Byte by byte, for QEMU is the judge."""
    path, verdicts = tmp_path / "image", set()
    for room in [*range(0, 64, 8), *range(352, 456, 8)] if bits != 9 else range(0, 64, 8):
        content = tables.full_header(bits, room, tables.HEADER_EXTENSION, header_length=112, autoclear_features=used)
        path.write_bytes(content)
        try:
            inspect(path, is_written=True)
        except SpecificationError as error:
            assert error.check == "header_space"
            fits = False
        else:
            fits = True
        with Oracle() as oracle:
            assert (oracle.try_to_open(path, "qcow2", writable=True).fault == "") == fits
        verdicts.add(fits)
    assert verdicts == ({True, False} if used or bits >= 13 else {True})
