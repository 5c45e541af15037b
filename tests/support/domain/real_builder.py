"""The builder on a real node, as root: disks on the disk, the shelter, processes. A new scratch directory each time."""

from __future__ import annotations

import dataclasses
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from unittest import mock

from _pytest.monkeypatch import MonkeyPatch  # pytest.MonkeyPatch, also before pytest 6.2

import hostile
from condor_kvm_stage import processes
from condor_kvm_stage.domain import cli
from condor_kvm_stage.job import Job
from condor_kvm_stage.policy.model import Policy
from support.domain import builder_in_process, fake_starter
from support.domain.disk_files import put
from support.domain.fake_world import File, World
from support.domain.job_ads import MACHINE_AD
from support.processes import NOBODY


@contextmanager
def building(directory: Path) -> Iterator[Callable[[World, bytes], tuple[bytes, World]]]:
    """Give a function that runs the builder on a node like another one; it returns what is printed, and the node.

    directory: root's, as all above it, which all may search and none may write to.
    """
    images, shared = directory / "images", directory / "shared"
    for each in (images, shared):
        each.mkdir()
    raw = put(images / "raw'<&>\".raw", bytes(512), 0)
    middle = put(images / "middle.qcow2", hostile.qcow2(backing=bytes(raw), backing_format=b"raw"), 0)
    put(shared / "shared.raw", bytes(512), 0)
    put(shared / "own.qcow2", hostile.qcow2(backing=bytes(middle)))
    chain = ((str(middle), "qcow2"), (str(raw), "raw"))
    overlay, plain = hostile.qcow2(backing=bytes(middle)), hostile.qcow2()
    contents = {"disk.qcow2": overlay, "data.raw": bytes(512), "seed.iso": bytes(512), "a": overlay, "x.qcow2": plain}
    files = {name: File("qcow2" if len(content) > 512 else "raw") for name, content in contents.items()}
    files.update({"disk.qcow2": File("qcow2", chain), "a": File("qcow2", chain)})
    files.update({f"{shared}/shared.raw": File("raw"), f"{shared}/own.qcow2": File("qcow2", chain)})
    place = directory / "dir_1"
    scratch = place / "scratch"

    with fake_starter.starter() as starter, MonkeyPatch().context() as patch:
        where = Job(str(scratch), NOBODY, NOBODY, starter.pid, processes.start_time(starter.pid))
        programs = builder_in_process.on_node(directory, where, patch)

        def build(like: World, job: bytes) -> tuple[bytes, World]:
            place.mkdir()
            scratch.mkdir()
            for each in (place, scratch):
                each.chmod(0o755)
            os.chown(scratch, NOBODY, NOBODY)
            for name, content in contents.items():
                put(scratch / name, content)
            job = job.replace(b"/srv/disks/alice", bytes(shared)).replace(b"/srv/disks", bytes(shared))
            put(scratch / ".job.ad", job)
            put(scratch / ".machine.ad", MACHINE_AD)
            facts = dataclasses.replace(like.facts, virtiofsd="")  # whether it runs is not of interest here
            policy = _moved(like.policy, shared)
            world = dataclasses.replace(like, policy=policy, facts=facts, files=files, scratch=str(scratch))
            with (
                mock.patch.object(cli, "load", return_value=world.policy),
                mock.patch("condor_kvm_stage.guest_facts.load", return_value=world.facts),
                redirect_stderr(io.StringIO()),
            ):
                printed = programs.build(job)
            builder_in_process.end_consoles()
            shutil.rmtree(place)
            return printed.text.encode(), world

        yield build


def _moved(like: Policy, shared: Path) -> Policy:
    moved = Policy()
    moved.guest.vnc = like.guest.vnc
    moved.vm.disk_dirs = [path.replace("/srv/disks", str(shared)) for path in like.vm.disk_dirs]
    return moved
