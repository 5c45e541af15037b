"""libvirt as modular daemons, as on EL 9 and later and Fedora: built from Debian's source, as a package; cached."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import container, recipe, root
from .recipe import Release
from .run import progress, run

PACKAGE = "libvirt-modular"
# Whose source it is. Testing's changes often, and mirrors do not keep what it was.
_SUITE, _VERSION = "trixie", "11.3.0"
_FILES = recipe.FILES / "modular"
# As in EL's libvirt.spec, but for what no node here uses. The daemons are not asked to be quick.
_OPTIONS = [
    *["--prefix=/usr", "--libdir=lib/x86_64-linux-gnu", "--libexecdir=/usr/lib/libvirt", "--sysconfdir=/etc"],
    *[
        "--localstatedir=/var",
        "-Drunstatedir=/run",
        "-Dunitdir=/usr/lib/systemd/system",
        "-Dinitconfdir=/etc/sysconfig",
    ],
    *["--auto-features=disabled", "--buildtype=plain", "-Dc_args=-O0 -w", "-Drpath=disabled", "-Dno_git=true"],
    *["-Dremote_default_mode=direct", "-Dinit_script=systemd", "-Dqemu_user=qemu", "-Dqemu_group=qemu"],
    *(f"-D{name}=enabled" for name in ("driver_libvirtd", "driver_remote", "driver_qemu", "driver_network")),
    *(f"-D{name}=enabled" for name in ("attr", "capng", "json_c", "libnl", "numactl", "polkit")),
    *(f"-D{name}=disabled" for name in ("docs", "nls", "tests")),
]
_CONTROL = """\
Package: {package}
Version: {version}
Architecture: amd64
Maintainer: condor-kvm-stage's tests
Provides: {provides}
Description: libvirt's modular daemons for QEMU, as on EL
"""
# By the root's own apt, which has the settings that mmdebstrap was given. $1: a scratch directory, $2: the root
_BUILD = """
set -eu
mount -t overlay -o "lowerdir=$2,upperdir=$1/changes,workdir=$1/work" overlay "$1/root"
cd "$1/root"
mount --bind /dev dev
mount -t proc proc proc
mount -t tmpfs tmpfs var/lib/apt/lists
mount --bind /etc/resolv.conf etc/resolv.conf
shift 2
exec nice chroot . /build "$@"
"""
_OTHERS = "dpkg-query --show --showformat '${source:Package} ${Package}\n' | sed --quiet 's/^libvirt //p'"
_REPLACE = f"""
set -eu
export DEBIAN_FRONTEND=noninteractive
dpkg --purge --force-depends $({_OTHERS})
dpkg --install /root/{PACKAGE}.deb
rm /root/{PACKAGE}.deb
"""


@contextlib.contextmanager
def tree(release: Release = Release.TESTING) -> Iterator[Path]:
    """Yield a copy of a release's root that has modular daemons instead of Debian's libvirt, to boot a node from.

    Builds them if they are not cached, which takes some minutes. Raises TestNodeError.
    """
    with container.tree(release) as place:
        shutil.copyfile(_cached(release), place / f"root/{PACKAGE}.deb")
        run(["chroot", place, "sh", "-c", _REPLACE], timeout=120)
        yield place


def _cached(release: Release) -> Path:
    """Return the path of the package for a release, whose root is held meanwhile. Builds it if it is not there."""
    path = root.CACHE / f"{PACKAGE}-{release.value}-{_digest(release)}.deb"
    with open(root.CACHE / f"{PACKAGE}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            for outdated in path.parent.glob(f"{PACKAGE}-{release.value}-*"):
                outdated.unlink()
            with root.cached(release) as base:
                _build(base, path)
    return path


def _digest(release: Release) -> str:
    """Return a name for the recipe: it changes with what is in the package, and what it is built in."""
    facts = (recipe.digest(release), _SUITE, _VERSION, _OPTIONS, _CONTROL, _BUILD)
    state = hashlib.sha256(repr(facts).encode())
    for path in sorted(_FILES.iterdir()):
        state.update(path.name.encode() + b"\0" + path.read_bytes())
    return state.hexdigest()[:16]


def _build(base: Path, path: Path) -> None:
    progress(f"building libvirt {_VERSION}'s modular daemons in a copy of {base.name}")
    # not in memory, and where an overlay can be: beside the roots
    with tempfile.TemporaryDirectory(prefix=f"{PACKAGE}-", dir=path.parent) as name:
        scratch = Path(name)
        for directory in ("changes", "work", "root"):
            (scratch / directory).mkdir()
        shutil.copy(_FILES / "build", scratch / "changes/build")
        unshare = ["unshare", "--mount", "--propagation=private", "sh", "-c", _BUILD, "build"]
        run([*unshare, scratch, base, _SUITE, *_OPTIONS], timeout=3600)
        new = scratch / "changes/new"
        others = run(["chroot", base, "sh", "-c", _OTHERS]).stdout.split()
        (new / "DEBIAN").mkdir()
        provides = ", ".join(f"{name} (= {_VERSION})" for name in others)
        control = _CONTROL.format(package=PACKAGE, version=_VERSION, provides=provides)
        (new / "DEBIAN/control").write_text(control, encoding="ascii")
        shutil.copy(_FILES / "postinst", new / "DEBIAN/postinst")
        presets = new / "usr/lib/systemd/system-preset"
        presets.mkdir()
        shutil.copyfile(_FILES / "el9.preset", presets / "10-el9.preset")
        run(["dpkg-deb", "--root-owner-group", "--build", new, scratch / "package.deb"], timeout=300)
        os.rename(scratch / "package.deb", path)
