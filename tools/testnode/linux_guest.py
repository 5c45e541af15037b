"""A guest with a real Linux: Debian's kernel, an initramfs that is built here, and a script."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from . import linux_parts
from .cpio import Entry, archive
from .linux_parts import Parts
from .run import run

SOURCES = Path(__file__).parents[2] / "tests/guest/linux"
PROGRAMS = ("write-blocks", "read-blocks")  # besides busybox
SIZE = 512 << 20  # bytes of the virtual disk
BEGINS, ENDS = "guest: userspace ", "guest: ends "  # the guest's first output, from its first process, and its last
BOOT_AREA = 64 << 20  # bytes at its beginning that the guest boots from; it writes after them
_SAID = re.compile(r"^guest: (\S+) (.*?)\r?$", re.MULTILINE)


def write_image(path: Path, image_format: str, script: str) -> None:
    """Make an image (`raw` or `qcow2`) that boots by BIOS and runs a script; readable by all.

    script: for busybox's shell, with the functions of tests/guest/linux/functions. The guest's console is its first
    serial port; when the script ends it powers off. Raises TestNodeError.
    """
    parts = linux_parts.parts()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        programs = {name: assemble(name, directory) for name in PROGRAMS}
        files = {
            "vmlinuz": parts.kernel,
            "initrd": initramfs(parts, programs, script),
            "syslinux.cfg": (SOURCES / "syslinux.cfg").read_bytes(),
        }
        disk = directory / "disk"
        _write_boot_area(disk, directory, files)
        os.truncate(disk, SIZE)
        run(["qemu-img", "convert", "-f", "raw", "-O", image_format, disk, path])
    path.chmod(0o644)


def initramfs(parts: Parts, programs: Mapping[str, bytes], script: str) -> bytes:
    """Return the initramfs. Uncompressed: reading it takes less time than decompressing it."""
    entries = [
        *map(Entry.directory, ("bin", "dev", "modules", "proc", "sys", "tmp")),
        Entry.file("bin/busybox", parts.busybox, executable=True),
        *(Entry.file(f"bin/{name}", content, executable=True) for name, content in programs.items()),
        *(
            Entry.file(f"modules/{number:02}-{name}.ko", content)
            for number, (name, content) in enumerate(parts.modules.items())
        ),
        Entry.file("init", (SOURCES / "init").read_bytes(), executable=True),
        Entry.file("functions", (SOURCES / "functions").read_bytes()),
        Entry.file("script", script.encode()),
    ]
    return archive(entries)


def assemble(name: str, directory: Path) -> bytes:
    """Make a program of SOURCES in a directory. Returns its content. Raises TestNodeError."""
    run(["nasm", "-f", "bin", f"-I{SOURCES}/", SOURCES / f"{name}.asm", "-o", directory / name])
    return (directory / name).read_bytes()


def runs_on_kvm() -> bool:
    """Return whether this machine's KVM can run Linux; if not, QEMU must emulate (`<domain type='qemu'>`).

    Paravirtualised KVM (module kvm_pvm) emulates an ordinary kernel instruction by instruction, and ends the guest at
    the first one that it does not know: the IRET of a boot loader, the CMPXCHG16B of the kernel.
    """
    return Path("/dev/kvm").exists() and not Path("/sys/module/kvm_pvm").exists()


def said(console: str) -> dict[str, list[str]]:
    """Return what a guest has printed: lines `guest: NAME VALUE`, the values by name, in order."""
    found: dict[str, list[str]] = {}
    for name, value in _SAID.findall(console):
        found.setdefault(name, []).append(value)
    return found


def _write_boot_area(disk: Path, scratch: Path, files: dict[str, bytes]) -> None:
    """Make a FAT file system without partitions that boots Linux. Uses programs that need neither root nor mounts."""
    disk.touch()
    os.truncate(disk, BOOT_AREA)
    run(["mformat", "-i", disk, "-T", str(BOOT_AREA // 512), "-h", "64", "-s", "32", "::"])
    for name, content in files.items():
        (scratch / name).write_bytes(content)
        run(["mcopy", "-i", disk, scratch / name, f"::{name}"])
    run(["syslinux", "--install", disk])
