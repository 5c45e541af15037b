"""The disk of a machine with a kernel of its own: a release's root with Debian's kernel and NFS, as ext4; cached."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from . import machine_flavour, recipe, root, root_apt
from .machine_flavour import Flavour
from .recipe import Release
from .run import progress, run

PACKAGES = [
    # the kernel for virtual machines has all that is needed here: NFS, KVM, SELinux, AppArmor
    *("linux-image-cloud-amd64", "initramfs-tools", "udev", "kmod"),
    # commands and files from outside
    "openssh-server",
    *("nfs-kernel-server", "nfs-common", "iptables"),
]
IMAGE, KERNEL, INITRD = "image", "vmlinuz", "initrd"  # what is in the cached directory; the image is raw
_SIZE = "8G"  # of the file system; the file is sparse
_FILES = recipe.FILES / "machine"
_PLACES = {
    "network": "etc/systemd/network/50-machine.network",
    "sshd.conf": "etc/ssh/sshd_config.d/50-machine.conf",
    "kvm.modules": "etc/modules-load.d/50-machine.conf",
    "kvm.rules": "etc/udev/rules.d/99-machine.rules",
    "initramfs": "etc/initramfs-tools/conf.d/50-machine",
}
_FINISH = "systemctl enable systemd-networkd; systemctl disable systemd-networkd-wait-online"


@contextlib.contextmanager
def cached(release: Release, flavour: Flavour = machine_flavour.PLAIN) -> Iterator[Path]:
    """Give the directory with a release's disk, which must not be changed; it is there until the context ends.

    Builds it if it is not cached, which takes half a minute, and the release's root if that is not cached, either.
    Raises TestNodeError.
    """
    with root.cached(release) as tree:
        name = f"machine{flavour.suffix}-{release.value}"
        path = root.CACHE / f"{name}-{_digest(release, flavour)}"
        with open(root.CACHE / f"{name}.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            if not path.exists():
                # waits until no machine of an earlier recipe runs; another process may build it meanwhile
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not path.exists():
                    _build(tree, path, flavour)
                fcntl.flock(lock, fcntl.LOCK_SH)
            yield path


def _digest(release: Release, flavour: Flavour) -> str:
    """Return a name for the recipe: it changes with what is on the disk, and how it got there."""
    state = hashlib.sha256(recipe.digest(release).encode() + repr(flavour).encode())
    for path in (*(_FILES / name for name in _PLACES), Path(__file__), Path(root_apt.__file__)):
        state.update(path.name.encode() + b"\0" + path.read_bytes())
    return state.hexdigest()[:16]


def _build(tree: Path, path: Path, flavour: Flavour) -> None:
    for outdated in path.parent.glob(f"{path.name.rpartition('-')[0]}-*"):
        shutil.rmtree(outdated)
    progress(f"building a machine's disk: {', '.join([tree.name, 'a kernel', 'NFS', *flavour.packages])}")
    partial = path.with_suffix(".partial")
    copy = partial / "root"
    copy.mkdir(parents=True)
    run(["cp", "--archive", f"{tree}/.", copy], timeout=300)
    for name, place in _PLACES.items():
        (copy / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_FILES / name, copy / place)
    (copy / "etc/initramfs-tools/modules").write_text("virtio_pci\nvirtio_blk\n", encoding="ascii")
    root_apt.install(copy, *PACKAGES, *flavour.packages, finish=_FINISH, timeout=900)
    if flavour.finish:
        run(["chroot", copy, "sh", "-euc", flavour.finish], timeout=300)
    (copy / "etc/resolv.conf").write_text("", encoding="ascii")  # there is no server to wait for
    for name, pattern in ((KERNEL, "vmlinuz-*"), (INITRD, "initrd.img-*")):
        (file,) = copy.glob(f"boot/{pattern}")
        shutil.copyfile(file, partial / name)
    run(["mke2fs", "-q", "-t", "ext4", "-d", copy, partial / IMAGE, _SIZE], timeout=300)
    shutil.rmtree(copy)
    os.rename(partial, path)
