"""The parsers of what strangers write, as fuzz targets: whatever the bytes, a result or the parser's own exception."""

from __future__ import annotations

import contextlib
import functools
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from condor_kvm_stage import classad_reader
from condor_kvm_stage.failures import ParameterError, SpecificationError
from condor_kvm_stage.images import formats, qcow2_end, qcow2_header, qcow2_tables, raw_end
from condor_kvm_stage.images.checker import Checker
from condor_kvm_stage.plugin import url
from hostile.partial import gpt
from support.domain import allowed_xml, fake_world
from support.domain.fake_world import World
from support.domain.job_ads import ad_of


@dataclass(frozen=True)
class Target:
    """run: takes bytes; what it raises is a finding. seeds: to begin with. largest: how long an input may be, bytes."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    largest: int


def _url(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for parse in (lambda: url.parse_stage(text), lambda: url.parse_upload(text, "result")):
        try:
            parse()
        except ParameterError as error:
            assert str(error).isprintable()


def _classad(data: bytes) -> None:
    try:
        ads = classad_reader.read_ads(data)
    except classad_reader.ClassAdSyntaxError as error:
        assert str(error).isprintable()
    else:
        assert all(value is None or "\0" not in value for ad in ads for value in ad.values())


def _header(data: bytes) -> None:
    # the first byte says how large the file seems to be: as large as the rest, or larger by a power of two
    rest = data[1:]
    size = len(rest) + (1 << (data[0] % 63)) if data and data[0] else len(rest)
    try:
        if formats.recognise(rest[: formats.HEAD], rest[-formats.TAIL :], "image", "image") == "qcow2":
            header = qcow2_header.read(
                rest[: formats.HEAD], size, 16 << 40, "image", "image", is_written=bool(data[0] % 2)
            )
            assert 0 < header.virtual_size <= 16 << 40
            assert bool(header.backing) == (header.backing_format in ("raw", "qcow2"))
            assert ":" not in header.backing.partition("/")[0]

            def read(at: int, length: int) -> bytes:
                return rest[at : at + length]

            if header.snapshots or header.bitmaps:
                names, memory = qcow2_tables.check_tables(read, size, header, (64, 64), Checker("image", "image"))
                assert 0 <= names < formats.HEAD
                assert 0 <= memory <= qcow2_tables.MEMORY
            qcow2_end.check_end(read, rest[: formats.HEAD], size, header.bitmaps, "image", "image")
        else:
            raw_end.check_end(rest[: formats.HEAD], size, "image", "image")
    except SpecificationError as error:
        assert error.check


_to_the_end = contextlib.ExitStack()


@functools.cache
def _builder() -> Callable[[World, bytes], bytes]:
    return _to_the_end.enter_context(fake_world.building())


def _ad(data: bytes) -> None:
    # the first byte says on which of the nodes; for ads that are more than bytes see ads.py
    world = fake_world.WORLDS[(data or b"\0")[0] % len(fake_world.WORLDS)]
    allowed_xml.judge(_builder()(world, data[1:]), world)


def _url_seeds() -> list[bytes]:
    return [
        b"nfs:///srv/images/base.qcow2:disk.qcow2",
        b"nfs://filer/export/a%2Cb.qcow2?size=40G&format=raw&mode=copy:disk",
        b"nfs://[fe80::1]/x?overwrite=yes&standalone=no/result",
    ]


def _classad_seeds() -> list[bytes]:
    return [
        b'[ Url = "nfs:///srv/x:y"; LocalFileName = "/scratch/x:y" ]',
        b'[ PluginData = [ a = "]\\"\\101"; b = { 1, "x" "y", [ ] }; \'a name\' = x =?= undefined ? -1.5e3 : f(y) ] ]',
        b"[ a = 1 /* ; ] */ // \n ] [ ]",
    ]


def _header_seeds() -> list[bytes]:
    """The beginnings of real images."""
    with tempfile.TemporaryDirectory() as directory:
        base, seeds = Path(directory, "base"), [b"\0" + b"\xeb" * 600]
        for options in ("compat=0.10", "compat=1.1,extended_l2=on", "cluster_size=512,refcount_bits=1"):
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, base, "1M"], check=True)
            top = Path(directory, "top")
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, top], check=True)
            seeds += [b"\x20" + path.read_bytes()[:1024] for path in (base, top)]
        # a whole one, of clusters of 512 bytes, one with snapshots and bitmaps, and the beginning of a disk
        seeds += [b"\0" + base.read_bytes()[: formats.HEAD], b"\0" + bytes(gpt()[: formats.HEAD])]
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=512", base, "1M"], check=True)
        subprocess.run(["qemu-img", "bitmap", "--add", base, "a"], check=True)
        subprocess.run(["qemu-img", "snapshot", "-c", "b", base], check=True)
        return [*seeds, b"\0" + base.read_bytes()[: formats.HEAD]]


def _ad_seeds() -> list[bytes]:
    network = ad_of(JobVMNetworking="true", JobVMNetworkingType='"nat"', JobVM_MACADDR='"52:54:00:12:34:56"')
    disks = ad_of(VMPARAM_vm_Disk='"a:vda:w:qcow2, seed.iso:hdc:r,/srv/disks/shared.raw:sda:r:raw"')
    return [bytes([node]) + ad for node in range(len(fake_world.WORLDS)) for ad in (ad_of(), network, disks)]


TARGETS = {
    "url": Target(_url, _url_seeds, 4096),
    "classad": Target(_classad, _classad_seeds, 4096),
    "header": Target(_header, _header_seeds, 1 + formats.HEAD),
    "ad": Target(_ad, _ad_seeds, 4096),
}
