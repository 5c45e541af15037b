"""Guests of jobs as a node runs them by default, and jobs that swap files by symlinks while guests start and end."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.domain import attacks, scene
from testnode import evidence, guest, jobs, pool, recipe
from testnode.node import Node
from testnode.recipe import Release

pytestmark = pytest.mark.guest

RESULTS_JOB = (Path(__file__).parents[3] / "packaging/vm-job-results.sub").read_text(encoding="utf-8")
CHAINED, WRITES_RESULTS = "/srv/images/chained.qcow2", "/srv/images/writes-results.qcow2"
# The jobs, each in a directory of its own: what is replaced in a submit file
JOBS: dict[str, tuple[str, dict[str, str]]] = {
    "example": (jobs.VM_JOB, {}),
    "chained": (jobs.VM_JOB, {jobs.BASE: CHAINED}),
    "no-output": (jobs.VM_JOB, {"vm_no_output_vm = False": "vm_no_output_vm = True"}),
    # the guest writes by the BIOS, to which a second disk by virtio does not exist
    "results": (
        RESULTS_JOB,
        {jobs.BASE: WRITES_RESULTS, ":vdb:": ":hda:", "request_memory = 512": "request_memory = 64"},
    ),
    "scsi": (jobs.VM_JOB, {":vda:": ":sda:"}),
    "iso": (
        jobs.VM_JOB,
        {
            ":disk.qcow2\n": ":disk.qcow2, data.iso\n",
            ":w:qcow2": ":w:qcow2, data.iso:hdc:r",
        },
    ),
}
SIZE = 1 << 20
STOP = "/srv/stop"


@dataclass(frozen=True)
class Race:
    """What a job does to a file, again and again, in each scratch directory with a marker: see hostile_job.py.

    number: of the jobs that bring the marker. more: lines of their submit file.
    """

    words: str
    number: int
    more: str = ""


RACES = {
    "disk-early": Race("swap disk.qcow2 disk-early /etc/shadow", 5, "periodic_release = NumHolds < 4"),
    "disk-late": Race("swap disk.qcow2 disk-late /etc/shadow", 5),
    "console-late": Race("swap console.log console-late /etc/shadow", 4),
}


@dataclass(frozen=True)
class Ended:
    """The node, when the jobs have ended. outside: what scene.outside() said before and after.

    done: how often the races' jobs acted, and in how many scratch directories, by markers. clusters: of all.
    """

    node: Node
    outside: tuple[dict[str, str], dict[str, str]]
    done: dict[str, tuple[int, int]]
    clusters: dict[str, int]

    def returned(self, name: str) -> set[str]:
        """Return the names of what has come back to the submitter of one of JOBS."""
        brought = {"iso": {"data.iso"}}.get(name, set())
        return {path.name for path in home(self.node, name).iterdir()} - brought

    def console(self, name: str) -> str:
        return (home(self.node, name) / "console.log").read_text(encoding="utf-8")


def home(node: Node, name: str) -> Path:
    return node.root / scene.HOME.lstrip("/") / name


def submit(node: Node, name: str, description: str, files: dict[str, bytes], more: str = "queue") -> int:
    """Submit a job from a directory of its own, with files in it. more: the end of the submit file."""
    node.run(["mkdir", f"{scene.HOME}/{name}"], user=recipe.USER)
    for file, content in files.items():
        (home(node, name) / file).write_bytes(content)
        node.run(["chown", recipe.USER, f"{scene.HOME}/{name}/{file}"])
    lines = f"initialdir = {scene.HOME}/{name}\nlog = {scene.HOME}/{name}.log\nrequest_disk = 64M\n{more}\n"
    return pool.submit(node, f"{name}.sub", description.replace("\nqueue\n", f"\n{lines}"))


def start_jobs(node: Node) -> dict[str, int]:
    """Start JOBS. Returns their clusters."""
    clusters = {}
    node.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", jobs.BASE, CHAINED])
    with tempfile.NamedTemporaryFile("w", suffix=".asm") as source:
        source.write(f'%define DRIVE 0x81\n%include "{guest.SOURCE}"\n')
        source.flush()
        guest.write_base(node.root / WRITES_RESULTS.lstrip("/"), "qcow2", Path(source.name))
    files = {"iso": {"data.iso": bytes(SIZE)}, "results": {"results.img": bytes(SIZE)}}
    for name, (description, changes) in JOBS.items():
        for old, new in changes.items():
            assert old in description
            description = description.replace(old, new)
        clusters[name] = submit(node, name, description, files.get(name, {}))
    return clusters


def start_races(node: Node) -> dict[str, int]:
    """Start the races' jobs, then those that they disturb. Returns the clusters of these, by marker."""
    program = f"{scene.HOME}/{attacks.HOSTILE}"
    hostile = [
        pool.submit(node, f"{marker}.sub", jobs.staging_job("", marker, command=f"{program} {race.words} {STOP}"))
        for marker, race in RACES.items()
    ]
    node.wait_until(
        lambda: all(pool.job_ad(node, cluster).get("JobStatus") == pool.RUNNING for cluster in hostile),
        "the races' jobs run",
        60,
    )
    return {
        marker: submit(
            node,
            f"at-{marker}",
            jobs.VM_JOB.replace(":disk.qcow2\n", f":disk.qcow2, {marker}\n"),
            {marker: b""},
            f"{race.more}\nqueue {race.number}",
        )
        for marker, race in RACES.items()
    }


def queued(node: Node, clusters: list[int]) -> list[pool.Ad]:
    """Return the ads of the jobs of clusters that have not left the queue."""
    found: list[pool.Ad] = json.loads(node.run(["condor_q", "-json", *map(str, clusters)]).stdout or "[]")
    return found


@pytest.fixture(scope="module")
def ended() -> Iterator[Ended]:
    with scene.busy_node(Release.TESTING) as node:
        clusters = start_jobs(node)
        before = scene.outside(node)
        races = start_races(node)
        once = [races[marker] for marker, race in RACES.items() if not race.more]
        node.wait_until(
            lambda: {ad["JobStatus"] for ad in queued(node, once)} <= {pool.HELD}, "the disturbed jobs have ended", 240
        )
        for name in JOBS:
            pool.wait_for_end(node, f"{name}.log", 120)
        (node.root / STOP.lstrip("/")).touch()
        done = {}
        for marker in RACES:
            pool.wait_for_end(node, f"{marker}.log", 60)
            often, places = (node.root / scene.HOME.lstrip("/") / f"{marker}.out").read_text("utf-8").split()
            done[marker] = int(often), int(places)
        node.run(["condor_rm", *map(str, races.values())])
        node.wait_until(lambda: not scene.guests(node), "the guests are gone", 60)
        yield Ended(node, (before, scene.outside(node)), done, {**clusters, **races})


def test_nothing_outside_of_scratch_directories_has_changed(ended: Ended) -> None:
    before, after = ended.outside
    assert after == before
    assert before[jobs.BASE].startswith("root:root 644 ")


def test_files_were_swapped_with_symlinks_all_the_time(ended: Ended) -> None:
    for marker, race in RACES.items():
        often, places = ended.done[marker]
        assert places >= race.number
        assert often > 100 * places


def test_guests_ran_while_their_files_were_swapped(ended: Ended) -> None:
    assert scene.logs(ended.node, ended.clusters["disk-late"])
    assert scene.logs(ended.node, ended.clusters["console-late"])


def test_node_keeps_vm_universe(ended: Ended) -> None:
    assert pool.slot_ad(ended.node)["HasVM"] is True
    assert 'OfflineUniverses = {"VM"' not in (ended.node.root / "var/log/condor/StartLog").read_text("utf-8")


@pytest.mark.parametrize("name", ["example", "chained"])
def test_overlay_and_console_come_back(ended: Ended, name: str) -> None:
    assert ended.returned(name) == {"disk.qcow2", "console.log"}
    disk = evidence.disk_content(ended.node, f"{scene.HOME}/{name}/disk.qcow2")
    assert guest.pattern_sector(disk).startswith(guest.PATTERN)
    assert ended.console(name).splitlines()[-2:] == ["hello from the guest", "pattern written, powering off"]


@pytest.mark.parametrize("name", ["example", "results"])
def test_what_comes_back_belongs_to_the_submitter(ended: Ended, name: str) -> None:
    owners = ended.node.run(["find", f"{scene.HOME}/{name}", "-printf", "%u\n"]).stdout
    assert set(owners.split()) == {recipe.USER}


def test_example_with_a_disk_for_results_brings_back_these_only(ended: Ended) -> None:
    assert ended.returned("results") == {"results.img", "console.log"}
    disk = (home(ended.node, "results") / "results.img").read_bytes()
    assert guest.pattern_sector(disk) == guest.PATTERN.ljust(guest.SECTOR, b"\0")
    assert len(disk) == SIZE
    assert ended.console("results").splitlines()[-1] == "pattern written, powering off"


def test_job_that_wants_no_output_gets_none(ended: Ended) -> None:
    assert ended.returned("no-output") == set()


def test_guest_with_a_scsi_disk_runs_on_virtio_scsi(ended: Ended) -> None:
    assert ended.console("scsi").splitlines()[-1] == "pattern written, powering off"
    (log,) = scene.logs(ended.node, ended.clusters["scsi"])
    assert "virtio-scsi-pci" in log.read_text(encoding="utf-8")


def test_guest_with_a_cd_runs(ended: Ended) -> None:
    assert ended.returned("iso") == {"disk.qcow2", "console.log"}
    (log,) = scene.logs(ended.node, ended.clusters["iso"])
    arguments = log.read_text(encoding="utf-8")
    assert "ide-cd" in arguments
    assert '/data.iso","node-name"' in arguments
