"""The Linux guest of the tests: its initramfs, the order of its modules, the program that writes, what it says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from benchmark import guest_io
from testnode import linux_guest, linux_parts
from testnode.cpio import Entry, archive
from testnode.linux_parts import Parts

pytestmark = pytest.mark.needs_repository

CONSOLE = (
    "SYSLINUX 6.04\r\nguest: userspace 0.84\r\nguest: disk vda 536870912\r\nguest: disk vdb 1048576\r\n"
    "[    1.2] a message\r\nguest: cpu AMD EPYC\r\nhalf a line guest: cpu none\r\nguest: entropy 2"
)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the guest's programs."""
    directory = tmp_path_factory.mktemp("programs")
    for name in linux_guest.PROGRAMS:
        linux_guest.assemble(name, directory)
        (directory / name).chmod(0o755)
    return directory


@pytest.fixture(scope="module")
def write_blocks(programs: Path) -> Path:
    return programs / "write-blocks"


def module(*needs: str) -> bytes:
    return b"\x7fELF\0license=GPL\0depends=" + ",".join(needs).encode() + b"\0name=x\0"


def run(write_blocks: Path, disk: Path, arguments: str, mode: str = "r+b") -> int:
    with open(disk, mode) as file:
        return subprocess.run([write_blocks, *arguments.split()], stdout=file, timeout=10, check=False).returncode


def test_archive_is_in_the_kernels_format() -> None:
    assert archive([Entry.directory("bin"), Entry.file("bin/a", b"12345", executable=True)]) == (
        b"070701" b"00000000" b"000041ED" b"00000000" b"00000000" b"00000001" b"00000000" b"00000000"
        b"00000000" b"00000000" b"00000000" b"00000000" b"00000004" b"00000000" b"bin\0" b"\0\0"
        b"070701" b"00000001" b"000081ED" b"00000000" b"00000000" b"00000001" b"00000000" b"00000005"
        b"00000000" b"00000000" b"00000000" b"00000000" b"00000006" b"00000000" b"bin/a\0" b"12345\0\0\0"
        b"070701" b"00000002" b"00000000" b"00000000" b"00000000" b"00000001" b"00000000" b"00000000"
        b"00000000" b"00000000" b"00000000" b"00000000" b"0000000B" b"00000000" b"TRAILER!!!\0" b"\0\0\0"
    )  # fmt: skip


def test_modules_come_after_those_that_they_need_and_built_in_ones_are_left_out() -> None:
    modules = {
        "virtio_blk": module("virtio", "virtio-ring"),
        "virtio": module("virtio_ring"),
        "virtio_ring": module(),
        "sr_mod": module("cdrom", "scsi_mod"),
        "cdrom": module(),
        "unwanted": module("virtio"),
    }
    order = linux_parts.in_order(["virtio_blk", "sr_mod", "built_in", "virtio"], modules)
    assert order == ["virtio_ring", "virtio", "virtio_blk", "cdrom", "sr_mod"]


def test_initramfs_has_the_modules_in_their_order_and_the_script() -> None:
    parts = Parts(b"kernel", b"busybox", {"virtio": b"first", "ahci": b"second"})
    content = linux_guest.initramfs(parts, {"write-blocks": b"program"}, "say something")
    paths = re.findall(rb"070701[0-9A-F]{104}([^\0]+)\0", content)
    assert [path for path in paths if b".ko" in path] == [b"modules/00-virtio.ko", b"modules/01-ahci.ko"]
    assert {b"init", b"functions", b"script", b"bin/busybox", b"bin/write-blocks"} < set(paths)
    assert b"say something" in content


def test_what_a_guest_says_is_read_line_by_line() -> None:
    assert linux_guest.said(CONSOLE) == {
        "userspace": ["0.84"],
        "disk": ["vda 536870912", "vdb 1048576"],
        "cpu": ["AMD EPYC"],
        "entropy": ["2"],
    }
    assert linux_guest.BEGINS in CONSOLE


def test_guest_writes_behind_what_it_boots_from_and_no_further_than_its_disk() -> None:
    functions = (linux_guest.SOURCES / "functions").read_text(encoding="utf-8")
    begins = {name: int(mib) << 20 for name, mib in re.findall(r"^([A-Z_]+)=(\d+)$", functions, re.MULTILINE)}
    assert begins["FSYNC_WRITES"] == linux_guest.BOOT_AREA
    assert begins["FSYNC_WRITES"] + 16384 * 4096 == begins["SEQUENTIAL_WRITE"]
    assert begins["SEQUENTIAL_WRITE"] + (384 << 20) == linux_guest.SIZE


def test_places_of_what_is_read_are_those_that_the_image_is_made_with() -> None:
    functions = (linux_guest.SOURCES / "functions").read_text(encoding="utf-8")
    begins = {name: int(mib) << 20 for name, mib in re.findall(r"^([A-Z_]+)=(\d+)$", functions, re.MULTILINE)}
    assert (begins["RANDOM_READS"], begins["SMALL_FILES"]) == (guest_io.READ_AT, guest_io.FILES_AT)


def test_blocks_are_written_where_they_belong_and_are_not_zeros(write_blocks: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(5 * 4096))
    assert run(write_blocks, disk, "4096 4096 3 2") == 0
    first, *written, last = (disk.read_bytes()[at : at + 4096] for at in range(0, 5 * 4096, 4096))
    assert (first, last) == (bytes(4096), bytes(4096))
    assert all(len(set(block)) == 256 for block in written)


@pytest.mark.parametrize(("every", "times"), [(1, 6), (2, 3), (6, 1), (7, 0)])
def test_blocks_are_on_the_disk_as_often_as_asked(write_blocks: Path, tmp_path: Path, every: int, times: int) -> None:
    calls = tmp_path / "calls"
    with open(tmp_path / "disk", "wb") as disk:
        traced = ["strace", "-e", "trace=fsync", "-o", str(calls), str(write_blocks), "0", "512", "6", str(every)]
        subprocess.run(traced, stdout=disk, timeout=20, check=True)
    assert calls.read_text(encoding="ascii").count("fsync(1)") == times


def test_a_disk_that_cannot_be_written_to_is_a_failure(write_blocks: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.touch()
    assert run(write_blocks, disk, "0 4096 1 1", "rb") == 1


def test_blocks_are_read_from_the_range_and_nowhere_else(programs: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    (tmp_path / "disk").write_bytes(bytes(6 * 4096))
    with open(tmp_path / "disk", "rb") as disk:
        traced = [
            "strace",
            "-e",
            "trace=pread64",
            "-o",
            str(calls),
            str(programs / "read-blocks"),
            "8192",
            "4096",
            "50",
            "3",
        ]
        subprocess.run(traced, stdin=disk, timeout=20, check=True)
    offsets = [int(at) for at in re.findall(r"4096, (\d+)\) += 4096", calls.read_text(encoding="ascii"))]
    assert (len(offsets), set(offsets)) == (50, {8192, 12288, 16384})


def test_a_disk_that_ends_before_the_range_is_a_failure(programs: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(4096))
    with open(disk, "rb") as file:
        done = subprocess.run([programs / "read-blocks", "4096", "4096", "1", "1"], stdin=file, timeout=10, check=False)
    assert done.returncode == 1
