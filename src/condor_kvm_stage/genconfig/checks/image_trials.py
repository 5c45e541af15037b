"""The trials of images: of each of the policy's directories, and of one image by its URL."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from ...answer import Answer
from ...host import Host
from ...record import dataclass, replace
from ...share import mounts
from ..outcome import PASSED, Outcome, failed, not_tried, unknown
from ..probes import delegation, programs

_IMAGES = ("*.qcow2", "*.img", "*.raw")
_MOST_TRIED = 8  # images of a directory, if the first ones cannot be staged


@dataclass(frozen=True)
class DirectoryTrial:
    """The trial of one of the policy's image directories."""

    directory: str
    image: str  # the one that was tried last, "" for none
    outcome: Outcome  # whether it can be staged; not tried if there is none
    source: str  # what is mounted there, such as "nfs4 server:/export"; "" for a local directory
    kerberos: bool = False  # whether its server wants tickets (NFS, sec=krb5…)
    refused: tuple[str, str] = ("", "")  # the first that cannot be staged, and why, if another one can
    delegated: Outcome = delegation.NOT_ON_NFS  # whether the server delegates the image to this node


def stage(host: Host, url: str) -> Outcome:
    """Stage an image like a job, in a temporary directory."""
    user = host.job_user()
    with _scratch(user) as directory:
        answer = host.run(programs.plugin(host), url, f"{directory}/image", user=user)
    if answer.status == 0:
        return PASSED
    return unknown(_why(answer)) if answer.late else failed(answer.reason.removeprefix("vm-nfs-plugin: "))


@contextlib.contextmanager
def _scratch(user: str) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="condor-kvm-stage-check-"))
    try:
        if user:
            os.chown(path, pwd.getpwnam(user).pw_uid, -1)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)  # a trial that timed out may still write to it


def of_directory(host: Host, directory: str) -> DirectoryTrial:
    """Find an image in a directory that an unprivileged user may read, and stage it as this user.

    If that fails, try some others: beside good images may be a private disk, a copy that has begun, a guest's own disk.
    """
    user = host.job_user()
    found = _find(host, directory, user, "-quit")
    images = _images_in(found)
    if images:
        trial = _trial(host, directory, images[0])
        if trial.outcome.failed:
            # Listing a large directory takes time, so only now
            others = _images_in(_find(host, directory, user))
            trial = _of_another(host, trial, [image for image in others if image != images[0]])
    elif found.status == 0 or "Permission denied" in found.errors:
        who = f"the user {user}" if user else "this user"
        trial = DirectoryTrial(directory, "", not_tried(f"has no image that {who} may read"), "")
    else:
        outcome = (
            unknown(_why(found))
            if found.late
            else failed(found.reason.removeprefix("/usr/bin/").removeprefix("find: "))
        )
        trial = DirectoryTrial(directory, "", outcome, "")
    kind, source, options = mounts.at(host.text(mounts.MOUNTINFO) or "", directory)
    kerberos = any(option.startswith("sec=krb5") for option in options.split(","))
    delegated = delegation.probe(host, kind, trial.image if trial.outcome.passed else "")
    return replace(trial, source=f"{kind} {source}".strip(), kerberos=kerberos, delegated=delegated)


def _trial(host: Host, directory: str, image: str) -> DirectoryTrial:
    outcome = stage(host, f"nfs://{quote(image)}:check.qcow2")
    return DirectoryTrial(directory, image, outcome, "")


def _of_another(host: Host, first: DirectoryTrial, images: list[str]) -> DirectoryTrial:
    """Stage images until one can be staged. Returns the trial of that, else the first one, which failed."""
    for image in images[: _MOST_TRIED - 1]:
        trial = _trial(host, first.directory, image)
        if trial.outcome.passed:
            return replace(trial, refused=(first.image, first.outcome.reason))
    return first


def _find(host: Host, directory: str, user: str, *last: str) -> Answer:
    """Run find for images in a directory and those in it that a user may read. last: the end of the command."""
    names = [word for pattern in _IMAGES for word in ("-o", "-name", pattern)][1:]
    return host.run(
        *("find", "-L", directory, "-maxdepth", "2", "-type", "f", "(", *names, ")"),
        *("-readable", "-print0", *last),  # others may be images of some users only
        user=user,
    )


def _images_in(found: Answer) -> list[str]:
    return [name for name in found.output.rstrip("\n").split("\0") if name]


def _why(answer: Answer) -> str:
    """Say of a program that uses a share and that did not end in time what was waited for."""
    return f"the share did not answer: {answer.fault}"
