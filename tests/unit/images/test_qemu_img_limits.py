"""qemu-img runs under limits, and opening an image comes to an end whatever it does."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.failures import SpecificationError, TransferError
from condor_kvm_stage.images import limited, qemu_img
from condor_kvm_stage.images.image_file import Image
from hostile import CLUSTER, tables
from hostile.amplified import amplified
from support.inspected_images import inspect
from support.processes import wait_for

FakeProgram = Callable[[str, str], None]
MIB = 1 << 20


def raw(path: Path | str, size: int) -> Image:
    return Image(str(path), size, iso=False)


def nothing(step: str) -> None:
    pass


@pytest.fixture
def limits(tmp_path: Path, fake_program: FakeProgram) -> Callable[[], dict[str, str]]:
    """The soft limits that a fake qemu-img has run under."""
    path = tmp_path / "limits"
    fake_program("qemu-img", f"sleep 0.1; cat /proc/self/limits > {path}")  # they are set when it has started
    names = {"CORE": "core file size", "AS": "address space", "CPU": "cpu time", "FSIZE": "file size"}

    def read() -> dict[str, str]:
        lines = path.read_text(encoding="ascii").splitlines()
        found = {}
        for short, name in names.items():
            (line,) = (line for line in lines if line.startswith(f"Max {name}"))
            found[short] = line[26:].split()[0]
        return found

    return read


def test_opening_is_limited(limits: Callable[[], dict[str, str]]) -> None:
    qemu_img.try_to_open("/srv/x.qcow2", 60, nothing)
    expected = {"CORE": "0", "AS": str(1 << 30), "CPU": "30"}
    assert limits() == {**limits(), **expected}


def test_opening_has_room_for_all_threads_that_qemu_may_start(tmp_path: Path) -> None:
    """It starts one for each read while no other is idle; busy machines have many at once."""
    image = tmp_path / "image"
    image.write_bytes(tables.with_snapshots(tables.many_snapshots(64, b"x" * 500)))
    for _ in range(20):
        qemu_img.try_to_open(str(image), 60, nothing)


def test_copy_cannot_become_larger_than_the_disk_and_its_tables(limits: Callable[[], dict[str, str]]) -> None:
    expected = {"CORE": "0", "AS": str(8 << 30), "FSIZE": str((1 << 40) + (1 << 28) + 2 * MIB)}
    qemu_img.convert("/x", raw("/srv/x.raw", 1 << 40), nothing)
    assert limits() == {**limits(), **expected}
    qemu_img.resize("/x", 1 << 40, nothing)
    assert limits() == {**limits(), **expected}


@pytest.mark.parametrize("size", [512, MIB, 5 * MIB + 512, 100 * MIB])
def test_full_copy_fits(size: int, tmp_path: Path) -> None:
    source, path = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(b"\xa5" * size)
    qemu_img.convert(str(path), raw(source, size), nothing)
    qemu_img.resize(str(path), size + 100 * MIB, nothing)
    assert path.stat().st_size > size


def test_larger_file_cannot_be_written(tmp_path: Path) -> None:
    source, path = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(b"\xa5" * (8 * MIB))
    with pytest.raises(qemu_img.WriteError, match="File too large"):
        qemu_img.convert(str(path), raw(source, MIB), nothing)
    assert path.stat().st_size <= 4 * MIB


def test_limits_that_are_lower_already_are_kept(
    tmp_path: Path, fake_program: FakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "limits"
    fake_program(
        "qemu-img", f"ulimit -S -v 500000; ulimit -t 20; : > {path}.set; sleep 0.3; cat /proc/$$/limits > {path}"
    )
    really = limited._limit

    def limit(pid: int, limits: dict[int, int]) -> None:
        wait_for(lambda: Path(f"{path}.set").exists(), "the program limits itself")
        really(pid, limits)

    monkeypatch.setattr(limited, "_limit", limit)
    qemu_img.try_to_open("/srv/x.qcow2", 60, nothing)
    text = path.read_text(encoding="ascii")
    assert re.search(rf"^Max address space +{500000 << 10} ", text, re.MULTILINE)
    assert re.search(r"^Max cpu time +20 +20 ", text, re.MULTILINE)


@pytest.mark.parametrize(
    "script",
    [
        "while :; do :; done",
        "while :; do read x < /proc/uptime; done",
        "while :; do kill -STOP $$; done",
        "exec sleep 3600",
    ],
    ids=["busy", "reading", "stopped", "asleep"],
)
def test_deadline_for_opening_is_not_extended(script: str, fake_program: FakeProgram) -> None:
    fake_program("qemu-img", script)
    with pytest.raises(SpecificationError, match=r"^image /srv/x.qcow2 takes QEMU too long to open .*1 s") as caught:
        qemu_img.try_to_open("/srv/x.qcow2", 1, nothing)
    assert caught.value.check == "cost"


def test_processor_time_for_opening_is_limited(fake_program: FakeProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(qemu_img._OF_INFO, resource.RLIMIT_CPU, 1)
    fake_program("qemu-img", "while :; do :; done")
    with pytest.raises(SpecificationError, match="1 s of processor time") as caught:
        qemu_img.try_to_open("/srv/x.qcow2", 60, nothing)
    assert caught.value.check == "cost"


def test_processor_time_for_a_copy_is_limited_by_the_files_that_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qemu_img, "_COPY_SECONDS", 1)
    source = tmp_path / "image"
    source.write_bytes(amplified(2048, bytes(CLUSTER)))  # 1 TiB of compressed zeros: it reads on, and writes nothing
    with pytest.raises(SpecificationError, match="more than 1 s of processor time, for files of") as caught:
        qemu_img.convert(str(tmp_path / "copy"), inspect(source), nothing)
    assert caught.value.check == "cost"


def test_copy_into_the_scratch_directory_does_not_take_the_last_of_its_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, path = tmp_path / "image", tmp_path / "copy"
    source.write_bytes(amplified(2048, bytes(range(256)) * (CLUSTER // 256)))  # 1 TiB of data
    path.touch()
    found = os.statvfs(tmp_path)
    free = found.f_bavail * found.f_frsize
    monkeypatch.setattr(qemu_img, "_KEPT_FREE", 1)
    monkeypatch.setattr(qemu_img, "_MOST_KEPT_FREE", free - 64 * MIB)
    with pytest.raises(qemu_img.WriteError, match="No space left") as caught:
        qemu_img.convert(str(path), inspect(source), nothing, in_scratch=True)
    assert "are left to other jobs" in caught.value.detail
    assert path.stat().st_size < 16 << 30


def test_what_it_prints_without_end_is_not_kept(fake_program: FakeProgram) -> None:
    fake_program("qemu-img", "yes 'a line' | head -c 10000000 >&2; exit 1")
    with pytest.raises(TransferError) as caught:
        qemu_img.try_to_open("/srv/x.qcow2", 60, nothing)
    assert 1000 < len(str(caught.value)) < 100_000
