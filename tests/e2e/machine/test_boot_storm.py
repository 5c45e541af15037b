"""Many guests start from one image on NFS: what the server has to send, by the way of mounting it.

QEMU locks each image that it opens. On NFS, a lock is where a client lets go of what it has cached of a file, unless
the server has delegated the file to it: so each guest that starts reads its image from the server again, or not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from e2e.check import verdicts
from e2e.machine import boots
from e2e.machine.boots import MEBIBYTES, Way
from testnode import builds, jobs, pool, recipe, site, stages
from testnode.node import Node
from testnode.run import progress

pytestmark = [pytest.mark.full, pytest.mark.timeout(7200)]

ALL = MEBIBYTES << 20
ONCE = 1.1 * ALL  # at most, with the image's tables and what is read ahead
LITTLE = 0.05 * ALL
_RECORD = builds.DIST / "boot-storm.json"
FIGURES: dict[str, Any] = {"read": ALL, "ways": {}}  # what is recorded
JOBS = 4
HOME = f"home/{recipe.USER}"


@pytest.fixture(scope="module")
def images(nfs: Node) -> Node:
    """The machine with the image."""
    boots.serve(nfs)
    FIGURES["kernel"] = nfs.run("uname --kernel-release").stdout.strip()
    return nfs


def record(way: Way, what: str, found: int | list[int]) -> None:
    """Keep what was measured. After each test, so that one that fails takes no other's with it."""
    progress(f"{way.text}: {what}: {found}")
    FIGURES["ways"].setdefault(way.text, {})[what] = found
    _RECORD.write_text(json.dumps(FIGURES, indent=1) + "\n", encoding="utf-8")


@pytest.mark.parametrize("way", boots.WAYS, ids=lambda way: way.text.replace(" ", "-"))
def test_only_of_a_delegated_file_the_node_keeps_what_a_guest_has_read(images: Node, way: Way) -> None:
    """In memory for the next guest, and with FS-Cache on its disk, for one after a new mount."""
    with boots.mounted(images, way):
        first, second = boots.read(images, 1), boots.read(images, 1)
    with boots.mounted(images, way):
        after = boots.read(images, 1)
    record(way, "in turn", [first, second])
    record(way, "after a new mount", after)
    assert ALL <= first <= ONCE
    assert second <= LITTLE if way.delegates else ALL <= second <= ONCE
    assert after <= LITTLE if way is boots.KEPT_ON_DISK else ALL <= after <= ONCE


def test_it_is_qemus_locks_that_make_guests_read_again(images: Node) -> None:
    with boots.mounted(images, boots.NFS3):
        first, second = (boots.read(images, 1, boots.WITHOUT_LOCKS) for _ in range(2))
    record(boots.NFS3, "in turn, without locks", [first, second])
    assert ALL <= first <= ONCE
    assert second <= LITTLE


def test_guests_that_bypass_the_page_cache_read_all_for_themselves(images: Node) -> None:
    """So the package's domains use it: cache='none', which others recommend for shares, costs the server this."""
    with boots.mounted(images, boots.DELEGATED):
        found = boots.read(images, 4, boots.DIRECT)
    record(boots.DELEGATED, "4 at once, cache=none", found)
    assert found >= 4 * ALL


@pytest.mark.parametrize("number", boots.AT_ONCE)
@pytest.mark.parametrize("way", [boots.DELEGATED, boots.NFS3], ids=lambda way: way.text.replace(" ", "-"))
def test_guests_that_read_at_the_same_time_share_it(images: Node, way: Way, number: int) -> None:
    """Without a delegation the worst case is that of guests in turn; at best all have locked before one reads."""
    with boots.mounted(images, way):
        found = boots.read(images, number)
    record(way, f"{number} at once", found)
    assert ALL <= found <= (ONCE if way.delegates else number * ONCE)


@pytest.mark.parametrize(
    ("way", "while_it_is", "level", "found"),
    [
        (boots.DELEGATED, nullcontext, "ok", "find in memory what others have read"),
        (boots.DELEGATED, boots.written, "note", "its server does not delegate it to this node"),
        (boots.NFS3, nullcontext, "note", "NFS before version 4 has no delegations"),
    ],
    ids=["delegated", "open-for-writing", "NFS-3"],
)
def test_check_says_whether_the_image_is_delegated(
    images: Node, way: Way, while_it_is: Callable[[Node], AbstractContextManager[None]], level: str, found: str
) -> None:
    with site.policy(images, boots.POLICY), while_it_is(images), boots.mounted(images, way):
        said = verdicts.check(images)
    assert (said.levels["images delegation"], said.levels["images directory"]) == (level, "ok")
    assert found in said.found["images delegation"]


def run_jobs(worker: Node, name: str, number: int) -> list[str]:
    """Run so many jobs from the image at once. Returns what their guests wrote to their consoles."""
    for process in range(number):
        worker.run(["mkdir", f"{name}-{process}"], user=recipe.USER)
    job = jobs.VM_JOB.replace(jobs.BASE, f"{boots.PLACE}/{boots.IMAGE}").replace(
        "log = vm-job.log\nqueue",
        f"initialdir = {name}-$(Process)\nlog = /{HOME}/{name}.log\nrequest_disk = 64M\nqueue {number}",
    )
    pool.submit(worker, f"{name}.sub", job)
    events = pool.wait_for_end(worker, f"{name}.log", 300 + 60 * number)
    assert events.count("Normal termination (return value 0)") == number
    home: Path = worker.root / HOME
    return [(home / f"{name}-{process}/console.log").read_text(encoding="utf-8") for process in range(number)]


@pytest.mark.guest
@pytest.mark.parametrize("way", [boots.DELEGATED, boots.NFS3], ids=lambda way: way.text.replace(" ", "-"))
def test_jobs_read_the_image_once_for_the_node_if_it_is_delegated(images: Node, way: Way) -> None:
    """Real guests of real jobs, with what the plug-in and the hook before the start read; their locks count, too."""
    with site.policy(images, boots.POLICY), boots.mounted(images, way), boots.patient(images):
        stages.wait_for_vm_universe(images, True)
        before = boots.count(images)
        consoles = run_jobs(images, f"storm-{boots.WAYS.index(way)}", JOBS)
        found = boots.count(images).client - before.client
    assert [text.splitlines()[-1] for text in consoles] == ["everything read, powering off"] * JOBS
    record(way, f"{JOBS} jobs at once", found)
    assert ALL <= found <= (ONCE if way.delegates else JOBS * ONCE)
