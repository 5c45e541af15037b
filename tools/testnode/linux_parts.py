"""What the Linux guest is made of: kernel and busybox of this machine's own Debian, downloaded once, then cached."""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .root import CACHE
from .run import TestNodeError, progress, run

# Debian's kernel for virtual machines, which boots in half the time of the other one, but has no driver for AHCI: on
# machine q35 it knows virtio disks only
_KERNEL, _BUSYBOX = "linux-image-cloud-amd64", "busybox-static"
# Those that a guest has devices for; last those that find disks, and return when they have found them
MODULES = (
    *("virtio_pci", "virtio_rng", "virtio_console", "virtio_net", "virtio_balloon", "virtiofs", "isofs"),
    *("ext4", "loop"),
    *("sd_mod", "sr_mod", "virtio_blk", "virtio_scsi", "ata_piix"),
)


@dataclass(frozen=True)
class Parts:
    """The contents of the files. modules: in the order in which they can be loaded, by name."""

    kernel: bytes
    busybox: bytes
    modules: Mapping[str, bytes]


def parts() -> Parts:
    """Return the parts. Downloads the packages if they are not cached: 27 MiB. Raises TestNodeError."""
    path = CACHE / f"linux-guest-{_digest()}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "linux-guest.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            for outdated in CACHE.glob("linux-guest-*"):
                shutil.rmtree(outdated)
            _build(path)
        modules = {file.stem.partition("-")[2]: file.read_bytes() for file in sorted(path.glob("modules/*"))}
        return Parts((path / "vmlinuz").read_bytes(), (path / "busybox").read_bytes(), modules)


def in_order(wanted: Iterable[str], modules: Mapping[str, bytes]) -> list[str]:
    """Return the modules that the wanted ones need, and these, each after those that it needs.

    modules: the content of each by its name, with "_" for "-". What is not among them is built into the kernel.
    """
    order: list[str] = []

    def add(name: str) -> None:
        if name in modules and name not in order:
            for needed in _needs(modules[name]):
                add(needed)
            order.append(name)

    for name in wanted:
        add(name)
    return order


def _needs(module: bytes) -> list[str]:
    """Return what a module says that it needs, in its section .modinfo: `depends=a,b`, between zero bytes."""
    found = re.search(rb"\0depends=([\w,-]+)\0", module)
    return found[1].decode().replace("-", "_").split(",") if found else []


def _digest() -> str:
    """Return a name for the recipe: it changes with what is in the cache, and how it got there."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]


def _build(path: Path) -> None:
    kernel = _dependency(_KERNEL, "linux-image-")
    progress(f"downloading {kernel} and {_BUSYBOX} for the Linux guest")
    partial = path.with_suffix(".partial")
    (partial / "modules").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        # as root: apt's own user may not write there, of which it warns
        download = ["apt-get", "--option=APT::Sandbox::User=root", "download", kernel, _BUSYBOX]
        run(["env", f"--chdir={scratch}", *download], timeout=300)
        for package in Path(scratch).glob("*.deb"):
            run(["dpkg-deb", "--extract", package, root])
        (vmlinuz,) = root.glob("boot/vmlinuz-*")
        shutil.copyfile(vmlinuz, partial / "vmlinuz")
        shutil.copyfile(root / "bin/busybox", partial / "busybox")
        modules = {file.stem.replace("-", "_"): file for file in root.glob("lib/modules/**/*.ko")}
        contents = {name: file.read_bytes() for name, file in modules.items()}
        for number, name in enumerate(in_order(MODULES, contents)):
            (partial / f"modules/{number:02}-{name}.ko").write_bytes(contents[name])
    partial.rename(path)


def _dependency(package: str, prefix: str) -> str:
    """Return the package of a name that begins so on which a package depends: the newest kernel that apt knows of."""
    listed = run(["apt-cache", "depends", "--important", package], check=False).stdout
    found = re.search(rf"^ *Depends: ({re.escape(prefix)}\S+)$", listed, re.MULTILINE)
    if found is None:
        raise TestNodeError(f"apt knows no {package}, or no {prefix}* that it needs; run: apt-get update")
    return found[1]
