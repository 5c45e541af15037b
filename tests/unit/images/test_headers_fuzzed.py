"""Whatever bytes an image begins with: they are refused or understood, and what we understand QEMU understands too."""

from __future__ import annotations

import json
import os
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from condor_kvm_stage.failures import SpecificationError
from condor_kvm_stage.images import formats
from condor_kvm_stage.images import qcow2_header as reader
from hostile import BACKING_FORMAT, BITMAPS, CLUSTER, FIELDS, MIB, UNKNOWN_EXTENSION, qcow2, write_field

LARGEST = 16 << 40
HEADER = 112
SNAPSHOTS = ("nb_snapshots", "snapshots_offset")

sizes = st.integers(0, 2**63 - 1) | st.integers(0, 8 * CLUSTER)
extension_kinds = st.sampled_from([0, BACKING_FORMAT, BITMAPS, 0x6803F857, UNKNOWN_EXTENSION])
extensions = st.lists(
    st.tuples(extension_kinds, st.sampled_from([b"raw", b"qcow2"]) | st.binary(max_size=30)), max_size=3
)


def values(field: str, near: int) -> st.SearchStrategy[int]:
    """Values for a field: those at its ends, single bits, those near what is sound, multiples of clusters, any."""
    length = FIELDS[field][1]
    largest = 256**length - 1
    likely = [
        0,
        1,
        near,
        near + 1,
        near - 1,
        near * 2,
        near // 2,
        largest,
        largest // 2,
        *(CLUSTER * n for n in range(5)),
    ]
    bits = st.integers(0, 8 * length - 1).map(lambda bit: 1 << bit)
    return st.sampled_from([value for value in likely if 0 <= value <= largest]) | bits | st.integers(0, largest)


def number(head: bytes | bytearray, field: str) -> int:
    offset, length = FIELDS[field]
    return int.from_bytes(head[offset : offset + length], "big")


def mutations(sound: bytes, fields: tuple[str, ...], most: int) -> st.SearchStrategy[dict[str, int]]:
    """New values for at most `most` fields of a sound header."""
    one = st.sampled_from(fields).flatmap(lambda name: st.tuples(st.just(name), values(name, number(sound, name))))
    return st.lists(one, max_size=most).map(dict)


def mutated(sound: bytes, new: dict[str, int]) -> bytes:
    image = bytearray(sound)
    for name, value in new.items():
        write_field(image, name, value)
    return bytes(image)


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """The first bytes of a file: any; or a header with mutated fields and bytes, cut off somewhere."""
    if draw(st.booleans()):
        return draw(st.sampled_from([b"", b"QFI\xfb", b"QFI\xfb\0\0\0\3"])) + draw(st.binary(max_size=200))
    backing = draw(st.binary(max_size=1100))
    sound = qcow2(draw(st.integers(1, 4)), backing, b"raw", draw(extensions))
    head = bytearray(mutated(sound, draw(mutations(sound, tuple(FIELDS), 4)))[: formats.HEAD])
    for at, value in draw(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=4)):
        head[at] = value
    return bytes(head[: draw(st.sampled_from([len(head)] * 8 + [71, 72, 103, 104, 105, 112, 200]))])


@given(heads(), st.binary(max_size=16).map(lambda start: start.ljust(512, b"\0")) | st.binary(max_size=512), sizes)
def test_any_bytes_are_recognised_or_refused(head: bytes, tail: bytes, size: int) -> None:
    try:
        assert formats.recognise(head, tail, "image", "/image") in ("raw", "qcow2")
    except SpecificationError as error:
        assert error.check in ("format", "polyglot")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(heads(), sizes)
def test_any_header_is_read_or_refused_by_a_named_check_in_little_memory(head: bytes, size: int) -> None:
    tracemalloc.start()
    try:
        header = reader.read(head, size, LARGEST, "image", "/image")
    except SpecificationError as error:
        event("refused")
        assert error.check
        assert str(error).isprintable()
    else:
        event("read")
        assert 0 < header.virtual_size <= LARGEST
        assert header.backing_format in (("raw", "qcow2") if header.backing else ("",))
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MIB


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_header_that_is_accepted_is_described_as_it_was_written(data: st.DataObject) -> None:
    backing = data.draw(st.sampled_from([b"", b"base", b"/srv/images/base.qcow2", b"../b\xff"]), "backing")
    sound = qcow2(data.draw(st.integers(2, 3), "version"), backing, b"raw")
    head = mutated(sound, data.draw(mutations(sound, tuple(FIELDS), 2), "mutations"))
    try:
        header = reader.read(head[: formats.HEAD], len(head), LARGEST, "image", "/image")
    except SpecificationError:
        event("refused")
        return
    event("read")
    cluster = 1 << number(head, "cluster_bits")
    assert header.virtual_size == number(head, "size") // 512 * 512
    start, length = number(head, "backing_file_offset"), number(head, "backing_file_size")
    assert os.fsencode(header.backing) == (head[start : start + length] if start else b"")
    assert header.backing_format == ("raw" if header.backing else "")
    assert number(head, "crypt_method") == 0
    for table, bytes_of_it in (
        ("l1_table_offset", 8 * number(head, "l1_size")),
        ("refcount_table_offset", cluster * number(head, "refcount_table_clusters")),
        ("snapshots_offset", 40 * number(head, "nb_snapshots")),
    ):
        assert number(head, table) % cluster == 0
        assert not bytes_of_it or number(head, table) + bytes_of_it <= len(head)
    if number(head, "version") == 3:
        assert number(head, "incompatible_features") in (0, 16)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Small qcow2 images that qemu-img made."""
    directory = tmp_path_factory.mktemp("real")
    images: list[Path] = []
    for options, *more in (
        ("compat=0.10",),
        ("compat=1.1",),
        ("cluster_size=512",),
        ("extended_l2=on,cluster_size=16k",),
        ("compat=1.1", "bitmap", "--add", "IMAGE", "one"),
        ("cluster_size=4k", "snapshot", "-c", "one", "IMAGE"),
        ("backing_file=/nonexistent/base,backing_fmt=raw",),
    ):
        path = directory / f"image{len(images)}"
        for command in (["create", "-q", "-u", "-f", "qcow2", "-o", options, "IMAGE", "1M"], more):
            if command:
                arguments = [str(path) if argument == "IMAGE" else argument for argument in command]
                subprocess.run(["qemu-img", *arguments], check=True, timeout=30)
        images.append(path)
    return images


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_we_accept_of_a_mutated_real_image_qemu_opens(real: list[Path], data: st.DataObject) -> None:
    sound = data.draw(st.sampled_from(real), "image").read_bytes()
    new = data.draw(mutations(sound, tuple(name for name in FIELDS if name != "magic"), 2), "mutations")
    head = bytearray(mutated(sound, new))
    length = HEADER if number(head, "version") == 3 else 72
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=1), "extensions"):
        head[length + at] = value
    path = real[0].with_name("mutated")
    path.write_bytes(head)
    try:
        header = reader.read(bytes(head[: formats.HEAD]), len(head), LARGEST, "image", "/image")
    except SpecificationError:
        event("refused")
        return
    if number(head, "nb_snapshots") and any(number(head, name) != number(sound, name) for name in SNAPSHOTS):
        event("snapshot table moved")  # what QEMU then takes for one is out of the header: it may refuse or not
        return
    event("read")
    command = ["qemu-img", "info", "-f", "qcow2", "--output=json", str(path)]
    result = subprocess.run(command, capture_output=True, timeout=30)
    assert result.returncode == 0, result.stderr.decode()
    said = json.loads(result.stdout)
    assert said["virtual-size"] == header.virtual_size
    assert said.get("backing-filename", "") == header.backing
    assert said.get("backing-filename-format", "") == header.backing_format
    assert "data-file" not in said["format-specific"]["data"]
    assert not said.get("encrypted")
