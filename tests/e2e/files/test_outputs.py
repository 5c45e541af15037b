"""What a guest leaves for HTCondor's transfer comes back, or does not, exactly as if an ordinary job had left it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.files import worker as files
from testnode import pool
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [pytest.mark.guest, pytest.mark.full]

# Commands that a job ends with
CASES = {
    "fifo": "mkfifo out",
    "symlink to what the user may not read": "ln -s /etc/shadow out",
    "symlink to what the user may read": "ln -s /etc/hostname out",
    "symlink that leads nowhere": "ln -s /nonexistent out",
    "symlink to a directory": "ln -s /etc out",
    "names": "touch 'new\nline' '\"quoted\"' '$(reboot)' ' '; echo x > out",
    "closed": "mkdir out; echo x > out/file; chmod 0 out; echo x > closed; chmod 0 closed",
    "program": "echo x > out; chmod 6777 out",
    "ads": "rm -f .job.ad .machine.ad; mkfifo .job.ad; ln -s /etc/shadow .machine.ad; echo x > out",
    "everything is deleted": "rm -rf -- * .job.ad .machine.ad; echo x > out",
}
# With what only a guest's job has there
OF_GUESTS = {
    "console as a FIFO": "rm console.log; mkfifo console.log; echo x > out",
    "console as a symlink": "rm console.log; ln -s /etc/shadow console.log; echo x > out",
    "disk as a symlink": "rm disk.qcow2; ln -s /etc/shadow disk.qcow2; echo x > out",
}


@dataclass(frozen=True)
class Outcome:
    """held: HoldReasonCode and sub-code, None if the job has ended. returned: see files.listed()."""

    held: tuple[int, int] | None
    returned: dict[str, str]


@dataclass(frozen=True)
class Done:
    """node: when all have ended. guests, ordinary: by case."""

    node: Node
    guests: dict[str, Outcome]
    ordinary: dict[str, Outcome]
    slot: pool.Ad
    left: list[int]


def outcome(node: Node, cluster: int, name: str) -> Outcome:
    """Wait until a job has ended or is on hold, then remove it."""
    log = files.home(node, name) / "job.log"

    def has_come_to_something() -> bool:
        return "Job terminated" in log.read_text(encoding="utf-8") or (
            pool.job_ad(node, cluster).get("JobStatus") == pool.HELD
        )

    node.wait_until(has_come_to_something, f"job {cluster} ({name}) has ended, or is on hold", 400)
    ad = pool.job_ad(node, cluster)
    held = (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) if ad.get("JobStatus") == pool.HELD else None
    node.run(["condor_rm", str(cluster)], check=False)
    returned = files.listed(node, f"/home/alice/{name}")
    for own in ("job.log", files.SCRIPT, "disk.qcow2", "console.log"):
        returned.pop(own, None)
    return Outcome(held, returned)


@pytest.fixture(scope="module")
def done() -> Iterator[Done]:
    with files.node(Release.TESTING) as node:
        wave = [
            (f"{kind}-{number}", case, commands, kind == "guest")
            for kind in ("guest", "ordinary")
            for number, (case, commands) in enumerate({**CASES, **OF_GUESTS}.items())
            if kind == "guest" or case in CASES
        ]
        found: dict[bool, dict[str, Outcome]] = {True: {}, False: {}}
        while wave:
            some, wave = wave[:7], wave[7:]
            clusters = {
                name: files.submit(node, name, f"umask 022\n{commands}\n", is_vm=is_vm)
                for name, _, commands, is_vm in some
            }
            for name, case, _, is_vm in some:
                found[is_vm][case] = outcome(node, clusters[name], name)
        node.wait_until(lambda: not files.servers(node), "each virtiofsd has ended", 60)
        yield Done(node, found[True], found[False], pool.slot_ad(node), files.servers(node))


@pytest.mark.parametrize("case", CASES)
def test_outcome_is_that_of_an_ordinary_job(done: Done, case: str) -> None:
    assert done.guests[case] == done.ordinary[case]


@pytest.mark.parametrize("case", OF_GUESTS)
def test_what_is_the_guests_own_is_read_as_the_user(done: Done, case: str) -> None:
    """A symlink to what the user may not read puts the job on hold, like any output that cannot be read."""
    found = done.guests[case]
    assert (found.held is None) == ("symlink" not in case)
    if not found.held:
        assert set(found.returned) == {"out"}


def test_node_keeps_vm_universe_and_no_virtiofsd(done: Done) -> None:
    assert done.slot["HasVM"] is True
    assert done.left == []
