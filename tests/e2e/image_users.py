"""For each way to use an image: do we call it denied, and does a guest start on a new overlay of it? Prints JSON.

Runs in a root with QEMU, in an empty directory, with the plug-in's modules on PYTHONPATH. The guests never run: QEMU
has their disks open, which is what matters.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from condor_kvm_stage.images import qcow2_overlay, qemu_locks

SIZE = 1 << 20
# each image, with its format and the files that it consists of
IMAGES = {
    "raw": ("raw", ["raw"]),
    "qcow2": ("qcow2", ["qcow2"]),
    "middle": ("qcow2", ["middle", "qcow2"]),
    "top": ("qcow2", ["top", "middle", "qcow2"]),
}


def write_overlay(name: str, base: str, base_format: str) -> None:
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    qcow2_overlay.write(descriptor, os.path.abspath(base), base_format, SIZE)
    os.close(descriptor)


def ask(qemu: subprocess.Popen[str], command: str, **arguments: object) -> bool:
    """Give QEMU a command. Returns whether it did it; not if it has ended."""
    assert qemu.stdin is not None
    assert qemu.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps({"execute": command, "arguments": arguments}), file=qemu.stdin, flush=True)
    for answer in map(json.loads, qemu.stdout):
        if "return" in answer or "error" in answer:
            return "return" in answer
    return False


@contextlib.contextmanager
def guest(image: str, image_format: str, **options: object) -> Iterator[subprocess.Popen[str] | None]:
    """A guest with the image as its disk, None if it does not start."""
    file = {"driver": "file", "filename": os.path.abspath(image)}
    disk = json.dumps({"driver": image_format, "node-name": "disk", "file": file, **options})
    command = ["qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-S", "-nodefaults", "-display", "none"]
    command += ["-qmp", "stdio", "-blockdev", disk, "-device", "virtio-blk-pci,drive=disk"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as qemu:
        try:
            yield qemu if ask(qemu, "qmp_capabilities") else None
        finally:
            qemu.kill()


@contextlib.contextmanager
def locked(name: str, first: int, length: int, exclusive: bool = False) -> Iterator[None]:
    """Have another program, of whoever may read the file, lock it."""
    script = "import fcntl, sys; file = open(sys.argv[1], 'r+b'); first, length, kind = map(int, sys.argv[2:]);"
    script += "fcntl.lockf(file, kind | fcntl.LOCK_NB, length, first); print(flush=True); sys.stdin.read()"
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    command = [sys.executable, "-c", script, name, str(first), str(length), str(kind)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        try:
            yield
        finally:
            process.stdin.close()


def is_denied(name: str) -> bool:
    with open(name, "rb") as file:
        return qemu_locks.find_fault(file.fileno(), file.name, name) is not None


def seen() -> dict[str, tuple[bool, bool]]:
    """For each image: whether a file of it is called denied, and whether a guest starts on a new overlay."""
    found = {}
    for name, (image_format, files) in IMAGES.items():
        write_overlay("new", name, image_format)
        with guest("new", "qcow2") as started:
            pass
        found[name] = (any(map(is_denied, files)), started is not None)
    return found


def main() -> None:
    Path("raw").write_bytes(bytes(SIZE))
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "qcow2", str(SIZE)], check=True)
    write_overlay("middle", "qcow2", "qcow2")
    write_overlay("top", "middle", "qcow2")
    found = {"nobody": seen()}
    for name, (image_format, _) in IMAGES.items():
        for read_only in (False, True):
            with guest(name, image_format, **{"read-only": read_only}):
                found[f"{name} {'read' if read_only else 'written'}"] = seen()
    with guest("top", "qcow2") as qemu:
        assert qemu
        assert ask(qemu, "block-commit", **{"job-id": "job", "device": "disk", "base": os.path.abspath("qcow2")})
        found["commit of top into qcow2"] = seen()
    for first, length, exclusive in ((0, 0, False), (0, 0, True), (101, 100, False), (100, 1, False), (100, 1, True)):
        with locked("qcow2", first, length, exclusive):
            found[f"lock {first} {length} {'exclusive' if exclusive else 'shared'}"] = seen()
    print(json.dumps(found))


main()
