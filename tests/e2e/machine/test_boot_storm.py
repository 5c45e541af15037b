"""Many guests start from one image on NFS: what the server has to send, by the way of mounting it.

QEMU locks each image that it opens. On NFS, a lock is where a client lets go of what it has cached of a file, unless
the server has delegated the file to it: so each guest that starts reads its image from the server again, or not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

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
FIGURES: dict[str, dict[str, object]] = {}  # by way: what is recorded
HOME = f"home/{recipe.USER}"


@pytest.fixture(scope="module")
def images(nfs: Node) -> Iterator[Node]:
    """The machine with the image; what the tests have measured is recorded in the end."""
    boots.serve(nfs)
    yield nfs
    kernel = nfs.run("uname --kernel-release").stdout.strip()
    text = json.dumps({"kernel": kernel, "read": ALL, "ways": FIGURES}, indent=1)
    _RECORD.write_text(f"{text}\n", encoding="utf-8")


def record(way: Way, what: str, found: object) -> None:
    progress(f"{way.text}: {what}: {found}")
    FIGURES.setdefault(way.text, {})[what] = found


@pytest.mark.parametrize("way", boots.WAYS, ids=lambda way: way.text.replace(" ", "-"))
def test_later_guests_find_the_image_in_memory_only_if_the_file_is_delegated(images: Node, way: Way) -> None:
    with boots.mounted(images, way):
        found = [boots.read(images, 1) for _ in range(boots.IN_TURN)]
    record(way, "in turn", found)
    first, *later = found
    if way not in (boots.KEPT_ON_DISK, boots.NFS3_ON_DISK):  # what is on the disk is for the test of that
        assert ALL <= first <= ONCE
    for each in later:
        assert each <= LITTLE if way.delegates else ALL <= each <= ONCE


@pytest.mark.parametrize("way", [boots.NOT_DELEGATED, boots.NFS3], ids=lambda way: way.text.replace(" ", "-"))
def test_it_is_qemus_locks_that_make_guests_read_again(images: Node, way: Way) -> None:
    with boots.mounted(images, way):
        found = [boots.read(images, 1, boots.WITHOUT_LOCKS) for _ in range(2)]
    record(way, "in turn, without locks", found)
    assert ALL <= found[0] <= ONCE
    assert found[1] <= LITTLE


def test_guests_that_bypass_the_page_cache_read_all_for_themselves(images: Node) -> None:
    """So the package's domains use it: cache='none', which others recommend for shares, costs the server this."""
    with boots.mounted(images, boots.DELEGATED):
        found = {number: boots.read(images, number, boots.DIRECT) for number in (1, boots.IN_TURN)}
    record(boots.DELEGATED, "at once, cache=none", found)
    assert all(amount >= number * ALL for number, amount in found.items())


@pytest.mark.parametrize("way", boots.WAYS, ids=lambda way: way.text.replace(" ", "-"))
def test_what_fs_cache_has_on_disk_survives_a_new_mount_only_if_the_file_was_delegated(images: Node, way: Way) -> None:
    found = []
    for _ in range(2):
        with boots.mounted(images, way):
            found.append(boots.read(images, 1))
    record(way, "after a new mount", found[1])
    assert found[1] <= LITTLE if way is boots.KEPT_ON_DISK else found[1] >= ALL


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
@pytest.mark.parametrize("number", boots.AT_ONCE)
@pytest.mark.parametrize("way", [boots.DELEGATED, boots.NFS3], ids=lambda way: way.text.replace(" ", "-"))
def test_jobs_that_start_at_once_read_the_image_once_for_the_node_if_it_is_delegated(
    images: Node, way: Way, number: int
) -> None:
    stages.wait_for_vm_universe(images, True)
    with site.policy(images, boots.POLICY), boots.mounted(images, way):
        before = boots.count(images)
        consoles = run_jobs(images, f"storm-{boots.WAYS.index(way)}-{number}", number)
        found = boots.count(images).client - before.client
    assert [text.splitlines()[-1] for text in consoles] == ["everything read, powering off"] * number
    record(way, f"{number} jobs at once", found)
    assert found >= ALL
    if way.delegates:
        assert found <= ONCE
