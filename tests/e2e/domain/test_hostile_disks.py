"""Images that QEMU would not open, or at any cost, as a job's own disk that HTCondor brings: the plug-in has no part.

First with the hook, then without. If a guest fails to start, HTCondor takes VM universe from the node.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from e2e.domain import attacks, scene, wave
from e2e.vm_attacks import Attack
from hostile import tables
from testnode import pool, recipe
from testnode.node import Node
from testnode.recipe import Release

pytestmark = pytest.mark.guest

CASES = {
    f"{case.name}.qcow2": case
    for case in (*tables.CASES, *tables.WRITTEN_CASES, tables.FEATURE_THAT_IS_CLEARED)
    if not case.policy and "chain" not in case.name
}
HOSTILE = {name: Attack("", attacks.brought(name), refusal=f"disk {name} (has|ends)") for name in CASES}
SOUND = "with-bitmaps-and-snapshots.qcow2"
JOBS = {**HOSTILE, SOUND: Attack("", attacks.brought(SOUND))}


@pytest.fixture(scope="module")
def worker() -> Iterator[Node]:
    with scene.busy_node(Release.TESTING, "START = True\n") as node:
        home = node.root / scene.HOME.lstrip("/")
        for name, case in CASES.items():
            case.build(home).rename(home / name)
        path = f"{scene.HOME}/{SOUND}"
        node.run(["qemu-img", "convert", "-O", "qcow2", scene.BASE, path])
        for number in range(3):
            node.run(["qemu-img", "bitmap", "--add", path, f"backup-{number}"])
            node.run(["qemu-img", "snapshot", "-c", f"before change {number}", path])
        node.run(["chown", recipe.USER, *(f"{scene.HOME}/{name}" for name in JOBS)])
        yield node


@pytest.fixture(scope="module")
def hooked(worker: Node) -> wave.Wave:
    return wave.run(worker, JOBS)


@pytest.fixture(scope="module")
def unhooked(worker: Node, hooked: wave.Wave) -> wave.Wave:
    with scene.without_hook(worker):
        return wave.run(worker, JOBS)


@pytest.fixture(params=["hooked", "unhooked"])
def either(request: pytest.FixtureRequest) -> wave.Wave:
    found: wave.Wave = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_hook_says_why(hooked: wave.Wave, name: str) -> None:
    assert hooked.ads[name].get("JobStatus") == pool.HELD
    assert re.search(HOSTILE[name].refusal, hooked.ads[name]["HoldReason"])


@pytest.mark.parametrize("name", HOSTILE)
def test_builder_refuses_without_the_hook(unhooked: wave.Wave, name: str) -> None:
    assert unhooked.ads[name].get("JobStatus") == pool.HELD
    assert re.search(f"has not started: .*{HOSTILE[name].refusal}", unhooked.ads[name]["HoldReason"])


def test_only_the_guest_with_the_sound_disk_has_started(either: wave.Wave) -> None:
    assert either.started == {SOUND}


def test_node_keeps_vm_universe(either: wave.Wave) -> None:
    assert either.slot["HasVM"] is True
    assert 'OfflineUniverses = {"VM"' not in either.startd
