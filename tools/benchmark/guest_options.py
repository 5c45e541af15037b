"""The effect of each option of a guest's definition: HTCondor's definition compared with others, alternating.

If KVM cannot run Linux (testnode.linux_guest.runs_on_kvm), QEMU emulates the processor of the Linux guest. Its times
are longer then, and the savings of an option a smaller part of them.
"""

from __future__ import annotations

from pathlib import Path

from testnode import guest, linux_guest
from testnode.node import Node
from testnode.run import progress

from .domain_xml import Options
from .guest_runs import Guest, Runner, Sample
from .results import Result
from .scene import Scene

SECTION = "Options of a guest"
ROUNDS, BENCH_ROUNDS = 3, 15

_FSYNCS, _DATA, _ZEROS = 1000, 128, 64  # MiB, except the first
_DATA_AT, _ZEROS_AT = 128, 256  # MiB; the first is SEQUENTIAL_WRITE in tests/guest/linux/functions
_SCRIPT = f"""\
fsync_writes vda {_FSYNCS}
sequential_write vda {_DATA}
timed zeros dd if=/dev/zero of=/dev/vda bs=1M count={_ZEROS} seek={_ZEROS_AT} conv=notrunc,fsync status=none
timed discard blkdiscard -o $(({_DATA_AT} << 20)) -l $(({_DATA} << 20)) /dev/vda
"""
STOCK, AGAIN = "HTCondor's", "HTCondor's, again"  # two measurements of the same show the random variation
_UNSAFE = {"cache": "unsafe"}
_UNMAP = {"discard": "unmap"}
_ZEROES = {"detect_zeroes": "unmap"}
# Options of the disk
DISKS = {
    STOCK: Options(),
    AGAIN: Options(),
    "cache=none": Options({"cache": "none"}),
    "iothread": Options(iothread=True),
    "discard=unmap": Options(_UNMAP),
    "cache=unsafe": Options(_UNSAFE),
    "unsafe unmap": Options({**_UNSAFE, **_UNMAP}),
    "unsafe unmap detect_zeroes=unmap": Options({**_UNSAFE, **_UNMAP, **_ZEROES}),
}
# Options of the machine that affect the boot
MACHINES = {
    STOCK: Options(),
    AGAIN: Options(),
    "no USB controller": Options(usb=False),
    "no balloon": Options(balloon=False),
    "no merged pages": Options(merged=False),
    "machine q35": Options(machine="q35"),
    "unsafe unmap, no USB, no balloon": Options({**_UNSAFE, **_UNMAP}, usb=False, balloon=False),
}
CPUS = {
    "CPU host-model": Options(cpu="host-model"),
    "CPU maximum": Options(cpu="maximum"),
    "QEMU's default CPU": Options(cpu=""),
}
# The same writes, by QEMU without a guest
_BENCH = ["-w", "-c", str(_FSYNCS), "-d", "1", "-s", "4096", "--flush-interval", "1"]
BLOCK_LAYER = {
    STOCK: [*_BENCH, "-t", "writeback"],
    AGAIN: [*_BENCH, "-t", "writeback"],
    "cache=none": [*_BENCH, "-t", "none"],
    "cache=none io=native": [*_BENCH, "-t", "none", "-i", "native"],
    "cache=unsafe": [*_BENCH, "-t", "unsafe"],
}

WRITER = Guest("writer.qcow2", linux_guest.BEGINS, 512, linux_guest.runs_on_kvm())
LINUX = Guest("linux.qcow2", linux_guest.BEGINS, 512, linux_guest.runs_on_kvm())
HELLO = Guest("hello.qcow2", "hello from the guest", 64, True)


def measure(scene: Scene) -> list[Result]:
    """Return the results; none without KVM. Leaves three images on the share."""
    if not Path("/dev/kvm").exists():
        progress("NO GUEST'S OPTIONS ARE MEASURED: there is no /dev/kvm")
        return []
    return _measure(scene.worker, scene.share, ROUNDS)


def _measure(worker: Node, share: Path, rounds: int) -> list[Result]:
    linux_guest.write_image(share / WRITER.image, "qcow2", _SCRIPT)
    linux_guest.write_image(share / LINUX.image, "qcow2", "")
    guest.write_base(share / HELLO.image, "qcow2")
    runner = Runner(worker)
    progress("writes by QEMU without a guest")
    bench: dict[str, list[float]] = {name: [] for name in BLOCK_LAYER}
    for _ in range(BENCH_ROUNDS):
        for name, options in BLOCK_LAYER.items():
            bench[name].append(runner.bench(WRITER.image, options))
    disks = runner.samples(WRITER, DISKS, rounds)
    linux = runner.samples(LINUX, {**MACHINES, **(CPUS if LINUX.kvm else {})}, rounds)
    hello = runner.samples(HELLO, {**MACHINES, **CPUS}, rounds)
    on = "on KVM" if LINUX.kvm else "its processor emulated"
    fsyncs = f"{_FSYNCS} writes of 4 KiB, each followed by fsync"
    boots = ((f"Linux, {on}", linux), ("the guest of 512 bytes, on KVM", hello))
    return [
        Result(SECTION, f"{fsyncs}; no guest (qemu-img bench)", "s", bench),
        _result(fsyncs, "s", disks, "fsync_writes"),
        _result(f"{_DATA} MiB written, then fsync", "s", disks, "sequential_write"),
        _result(f"{_ZEROS} MiB of zeros written, then fsync", "s", disks, "zeros"),
        _result(f"{_DATA} MiB discarded", "s", disks, "discard"),
        _result("size of the overlay after all of these", "bytes", disks, "size"),
        *(_result(f"{what}: from virsh create to its first line", "s", found, "speaks") for what, found in boots),
        *(_result(f"{what}: QEMU's processor time until then", "s", found, "processor") for what, found in boots),
    ]


def _result(case: str, unit: str, samples: dict[str, list[Sample]], key: str) -> Result:
    return Result(SECTION, case, unit, {name: [sample[key] for sample in found] for name, found in samples.items()})
