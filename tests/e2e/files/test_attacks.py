"""Whatever a guest's root does with its job's files, on the node it has done no more than an ordinary job can."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.domain import scene
from e2e.files import worker as files
from e2e.files.attacks import ATTACKS, script
from testnode import linux_guest, pool, recipe
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [pytest.mark.guest, pytest.mark.full]

NUMBERS = {name: str(number) for number, name in enumerate(ATTACKS)}
TOOL = "make-socket"
_OUTSIDE = ("/boot", "/etc", "/lib/systemd", "/root", "/srv", "/usr/bin", "/usr/local", "/usr/sbin", "/var/spool/cron")


@dataclass(frozen=True)
class Job:
    """What a job has done. status: how each attack has ended, by number. made: see listed(). ad: while it ran."""

    status: dict[str, int]
    made: dict[str, str]
    ad: pool.Ad
    events: str


@dataclass(frozen=True)
class Tried:
    """Two jobs that have tried the same; the state of what is outside, before and after; what is left of the jobs."""

    node: Node
    guest: Job
    ordinary: Job
    before: dict[str, str]
    after: dict[str, str]
    slot: pool.Ad
    left: list[str]


def outside(node: Node) -> dict[str, str]:
    """Return the state of what no job may change, by path; and a setting of the kernel's."""
    form = "%p\t%y %U:%G %m %n %s %C@\\0"
    found = node.run(["find", *_OUTSIDE, "-printf", form], check=False).stdout
    found += node.run(["find", "/", "-maxdepth", "1", "-mindepth", "1", "-printf", "%p\t%y %U:%G %m\\0"]).stdout
    states = dict(entry.split("\t") for entry in found.split("\0") if entry)
    return {**states, "core_pattern": node.run("cat /proc/sys/kernel/core_pattern").stdout}


def attempt(node: Node, name: str, *, is_vm: bool) -> Job:
    """Let a job try everything, as a guest or as an ordinary one."""
    node.run(["mkdir", f"{scene.HOME}/{name}"], user=recipe.USER)
    linux_guest.assemble(TOOL, files.home(node, name))
    (files.home(node, name) / TOOL).chmod(0o755)
    back = f"transfer_output_files = {'ready, console.log' if is_vm else 'ready'}"
    cluster = files.submit(node, name, script(), back, inputs="make-socket", is_vm=is_vm)
    place = files.wait_until_it_runs(node, cluster, 600)
    made, ad = files.listed(node, place), pool.job_ad(node, cluster)
    node.run(["touch", f"{place}/go"])
    events = pool.wait_for_end(node, f"{name}/job.log", 300)
    said = linux_guest.said(files.console(node, name))
    return Job({line.split()[0]: int(line.split()[1]) for line in said["tried"]}, made, ad, events)


@pytest.fixture(scope="module")
def tried() -> Iterator[Tried]:
    with files.node(Release.TESTING) as node:
        before = outside(node)
        guest = attempt(node, "guest", is_vm=True)
        after = outside(node)
        ordinary = attempt(node, "ordinary", is_vm=False)
        node.wait_until(lambda: not files.servers(node), "virtiofsd has ended", 30)
        left = node.run(["find", scene.EXECUTE, "-mindepth", "1"]).stdout.splitlines()
        yield Tried(node, guest, ordinary, before, after, pool.slot_ad(node), left)


def of_attack(job: Job, name: str) -> dict[str, str]:
    """What an attack has left in its directory."""
    above = f"attacks/{NUMBERS[name]}"
    return {path: state for path, state in job.made.items() if path == above or path.startswith(f"{above}/")}


@pytest.mark.parametrize("name", ATTACKS)
def test_guest_leaves_on_the_node_what_an_ordinary_job_leaves(tried: Tried, name: str) -> None:
    assert of_attack(tried.ordinary, name), "it was not tried"
    assert of_attack(tried.guest, name) == of_attack(tried.ordinary, name)


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if not attack.own])
def test_guest_succeeds_only_where_an_ordinary_job_does(tried: Tried, name: str) -> None:
    number = NUMBERS[name]
    assert tried.ordinary.status[number] == 0 or tried.guest.status[number] != 0


def test_all_that_a_guest_makes_is_the_users(tried: Tried) -> None:
    owners = {path: state.split()[1] for path, state in tried.guest.made.items()}
    assert {path: owner for path, owner in owners.items() if owner != "alice:alice"} == {"xen.mem.ckpt": "root:root"}


def test_nothing_outside_has_changed(tried: Tried) -> None:
    assert tried.after == tried.before


def test_htcondor_does_not_believe_the_ads_that_a_guest_has_written(tried: Tried) -> None:
    assert tried.guest.ad["RequestMemory"] == 256
    assert tried.slot["HasVM"] is True
    assert re.search(r"Memory \(MB\) +: +\d+ +256 +256", tried.guest.events)


def test_jobs_end_well_and_nothing_of_them_is_left(tried: Tried) -> None:
    for job in (tried.guest, tried.ordinary):
        assert "Normal termination (return value 0)" in job.events
    assert tried.left == []
