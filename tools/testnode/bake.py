"""Images with the package: the ways in which image builders install it into a tree that is not running."""

from __future__ import annotations

import enum
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import builds, container, dnf, node
from .recipe import PACKAGE, Release
from .run import run

_RELEASE = Release.TESTING
_IMAGE = "/image"
_REPOSITORY = "/mnt"
# Unsigned: a signed repository makes no difference here
_SOURCE = ["--assumeyes", "--releasever=10", f"--repofrompath=bake,{_REPOSITORY}", "--repo=bake"]
_DNF = ["dnf", *_SOURCE, "--nogpgcheck"]
_DNF5 = ["dnf5", *_SOURCE, "--no-gpgchecks"]
_IN_IMAGE = [*_DNF, "install", PACKAGE]
_FROM_BUILDER = [*_DNF, f"--installroot={_IMAGE}", "install", PACKAGE]
# For one command: programs in the image see the running system of the builder
_SEEN = f'for place in proc sys dev run mnt; do mount --rbind "/$place" "{_IMAGE}/$place"; done; exec "$@"'
_BUILDER_SEEN = ["unshare", "--mount", "sh", "-euc", _SEEN, "sh"]
_SANDBOX = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", f"--root={_IMAGE}", "env", "SYSTEMD_OFFLINE=1"]


class Way(enum.Enum):
    """How a builder installs the package into an image."""

    INSTALLROOT = "dnf --installroot, where no system runs"
    INSTALLROOT5 = "dnf5 --installroot, where no system runs, as mkosi does it"
    CONTAINER = "dnf in the image, as a container build runs it"
    KICKSTART = "dnf --installroot from a running system, which the image sees, as Anaconda does it"
    CHROOT = "dnf in a chroot into the image, which sees the running system, as Packer's chroot builders do it"
    SANDBOX = "dnf in a sandbox with SYSTEMD_OFFLINE=1, which sees the running system's /run, as rpm-ostree can have it"


_COMMANDS = {
    Way.INSTALLROOT: _FROM_BUILDER,
    Way.INSTALLROOT5: [*_DNF5, f"--installroot={_IMAGE}", "install", PACKAGE],
    Way.CONTAINER: _IN_IMAGE,
    Way.KICKSTART: [*_BUILDER_SEEN, *_FROM_BUILDER],
    Way.CHROOT: [*_BUILDER_SEEN, "chroot", _IMAGE, *_IN_IMAGE],
    Way.SANDBOX: [*_BUILDER_SEEN, *_SANDBOX, *_IN_IMAGE],
}


@dataclass(frozen=True)
class Baked:
    """The output of dnf, and files named after the package in the builder's own /etc/condor and /run afterwards."""

    output: str
    left_on_builder: list[str]


def bake(image: Path, way: Way) -> Baked:
    """Install the package in dist/ into a container.tree() of Debian testing, offline, from a builder of the same."""
    with tempfile.TemporaryDirectory() as packages:
        shutil.copy(builds.built(), packages)
        run(["createrepo_c", "--quiet", packages])
        binds = {Path(packages): _REPOSITORY}
        if way is Way.CONTAINER:
            return _install(functools.partial(container.execute, image, binds=binds), way)
        binds[image] = _IMAGE
        if way in (Way.INSTALLROOT, Way.INSTALLROOT5):
            with container.tree(_RELEASE) as builder:
                return _install(functools.partial(container.execute, builder, binds=binds), way)
        with node.running(_RELEASE, binds=binds) as worker:
            return _install(worker.run, way)


def render(image: Path) -> None:
    """Render the snippet into an image with the package, from a builder that has it, too, as the policy says."""
    with container.tree(_RELEASE) as builder:
        bake(builder, Way.CONTAINER)
        container.execute(builder, [f"{PACKAGE}-genconfig", "--root", _IMAGE, "--write"], binds={image: _IMAGE})


def _install(execute: Callable[[Sequence[str]], subprocess.CompletedProcess[str]], way: Way) -> Baked:
    output = execute([*dnf.MERGED, *_COMMANDS[way]]).stdout
    found = execute(["find", "/etc/condor", "/run", "-name", f"*{PACKAGE}*"]).stdout.splitlines()
    return Baked(output, found)
