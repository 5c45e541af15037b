"""Try, for --check and --apply, what a job would get on this node: a guest in EXECUTE, with each network.

The guests run as HTCondor's user, as whom no job's user can disturb them. Whether jobs' users can reach EXECUTE is
tried as `nobody`. Nothing is left if the caller is killed, or does not wait: another process does the work.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import re
import shutil
import stat
import time
from collections.abc import Iterator
from urllib.parse import quote

from .. import guest_facts, selinux
from ..errors import KvmStageError
from ..failures import NodeError
from ..guest_facts import GuestFacts
from ..guest_trial import Label, Report, Start, to_json
from ..host import Host
from ..installed import APPLY, GUEST_FACTS, GUEST_LOGS, PLUGINS
from ..job import FILES_SOCKET, Job
from ..leftovers import remove
from ..policy.load import load
from ..processes import detach
from ..text import printable, quoted
from . import disks, job_files, private_dir, qemu_identity, seen_by_root, trial
from .disks import DiskFile
from .private_dir import PrivateDir
from .request import Disk

_PREFIX = "condor-kvm-stage-trial-"
_PROGRAM = "build-domain"  # for a message about a bug
_OTHER_USER = "nobody"  # who has no rights but everybody's
_LOCK_TIMEOUT = 10  # seconds
_OVERLAY = Disk("disk.qcow2", "vda", "virtio", readonly=False, format="qcow2", cdrom=False)


def run(execute: str, images: list[str]) -> str:
    """Try guests in a process of their own, and wait for it. Returns the report's text.

    execute: HTCondor's EXECUTE. images: that can be staged; a guest gets an overlay of the first one that it may read.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    if os.fork() == 0:
        try:
            detach(writer)
            text = to_json(_report(execute, images))
            os.write(writer, text.encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as stream:
        return stream.read()


def _report(execute: str, images: list[str]) -> Report:
    host, facts = Host(), guest_facts.load()
    labels = [label(image, facts.selinux) for image in images] if facts.selinux else []
    denied = [label.image for label in labels if label.step] if selinux.is_enforcing() else []
    image = next((image for image in images if image not in denied), "")
    files = None
    try:
        with _alone():
            _sweep(host, execute)
            starts = list(try_all(host, facts, execute, image))
            if facts.virtiofsd and not any(start.fault for start in starts):
                files = try_files(host, facts, execute)
    except BlockingIOError:
        starts = [Start(fault="another trial has not ended", is_known=False)]
    except FileNotFoundError as error:
        starts = [Start(fault=f"there is no {error.filename}", step=APPLY, is_known=False)]
    except Exception as error:
        starts = [Start(fault=f"bug in {_PROGRAM}, please report it: {type(error).__name__}: {printable(str(error))}")]
    return Report(starts, labels, image, files)


def label(image: str, guest: str) -> Label:
    """Return whether SELinux lets guests of a context read an image. Can hang with a share."""
    try:
        denial = selinux.find_denial(os.path.realpath(image), guest)
    except selinux.NotKnown as error:
        return Label(image, f"the kernel does not say whether guests may read {image}: {error}")
    return Label(image, denial.what, denial.step) if denial else Label(image)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Be the only trial on the node. Raises BlockingIOError if another one does not end in time."""
    descriptor = os.open(os.path.dirname(GUEST_FACTS), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    deadline = time.monotonic() + _LOCK_TIMEOUT
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)


def _sweep(host: Host, execute: str) -> None:
    """Remove what trials have left that were killed: nobody else's, because only root's directories are taken."""
    left = [f"{execute}/{name}" for name in host.names(execute) if name.startswith(_PREFIX)]
    left = [path for path in left if os.lstat(path).st_uid == 0]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    if left:
        for _ in remove.destroy_orphans(host):
            pass
    for name in host.names(GUEST_LOGS):
        if name.startswith(_PREFIX):
            host.path(f"{GUEST_LOGS}/{name}").unlink(missing_ok=True)


def try_all(host: Host, facts: GuestFacts, execute: str, image: str) -> Iterator[Start]:
    """Start a guest for each network, until libvirt does not answer in time."""
    try:
        execute = os.path.realpath(execute)
        private_dir.check_parent(os.stat(execute), execute, pwd.getpwnam(_OTHER_USER).pw_uid)
        with trial.place(execute, _PREFIX, trial.user_of(host)) as job:
            closed = _closed(host, execute, os.path.dirname(job.scratch))
            if closed:
                yield closed
                return
            directory, files = prepare(host, job, facts, image)
            for network in facts.networks or [""]:
                answer = trial.start(host, facts, network, job, directory, files)
                fault = printable(trial.fault(answer))
                # Any user may lock an image for a moment
                is_known = not answer.fault and not (image and re.search(r"\block\b", fault))
                yield Start(network, fault, is_known=is_known)
                if answer.fault:  # of virsh: the next one would not be known, either
                    return
    except KvmStageError as error:
        yield Start(fault=str(error))
    except OSError as error:
        yield Start(fault=f"cannot prepare a guest in {printable(execute)}: {error.strerror}")


def try_files(host: Host, facts: GuestFacts, execute: str) -> Start | None:
    """Start a guest that has its job's files, on a node whose others start.

    Returns None if it cannot be tried: the path of the socket is too long, and that of a job is shorter.
    """
    try:
        with trial.place(os.path.realpath(execute), _PREFIX, trial.user_of(host)) as job:
            directory, file = trial.enter(job, trial.make_disk(job))
            if len(os.fsencode(f"{directory.path}/{FILES_SOCKET}")) > job_files.LONGEST:
                return None
            group = qemu_identity.group(job)
            served = job_files.start(directory, job, group, facts.virtiofsd, facts.selinux)
            answer = trial.start(host, facts, "", job, directory, [file], served)
            return Start(fault=printable(trial.fault(answer)), is_known=not answer.fault)
    except KvmStageError as error:
        return Start(fault=str(error))
    except OSError as error:
        return Start(fault=f"cannot prepare a guest in {printable(execute)}: {error.strerror}", is_known=False)


def _closed(host: Host, execute: str, made: str) -> Start | None:
    """Return what keeps jobs' users, and so QEMU, from reaching a directory in EXECUTE, None if nothing does."""
    if host.run("test", "-x", f"{made}/.", user=_OTHER_USER).status != 1:
        return None
    places = [execute]
    while places[0] != "/":
        places.insert(0, os.path.dirname(places[0]))
    modes = {place: stat.S_IMODE(os.stat(place).st_mode) for place in places}
    place = next((place for place, mode in modes.items() if not mode & stat.S_IXOTH), execute)
    # A group's right is also the mask of an access control list
    is_known = not modes[place] & stat.S_IXGRP
    who = "the users of jobs cannot" if is_known else "only some users can"
    fault = f"{who} search {printable(place)} (mode {modes[place]:04o}), below which their disks are"
    return Start(fault=fault, step=f"chmod o+x {quoted(place)}", is_known=is_known)


def prepare(host: Host, job: Job, facts: GuestFacts, image: str) -> tuple[PrivateDir, tuple[DiskFile, ...]]:
    """Make what a guest needs, as the plug-in and the builder do. Raises KvmStageError and OSError."""
    if not image:
        directory, file = trial.enter(job, trial.make_disk(job))
        return directory, (file,)
    plugin = next((path for path in PLUGINS if host.program(path)), PLUGINS[0])
    staged = host.run(
        plugin, f"nfs://{quote(image)}:{_OVERLAY.name}", f"{job.scratch}/{_OVERLAY.name}", user=host.job_user()
    )
    if staged.status != 0:
        raise NodeError(f"cannot stage {printable(image)}: {staged.reason}")
    directory, file = trial.enter(job, _OVERLAY)
    files = disks.inspect([(_OVERLAY, file.path)], job, load(), _PROGRAM, guest=facts.selinux)
    seen_by_root.check(files)
    return directory, files
