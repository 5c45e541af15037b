"""Users who swap, lock or spoil files as fast as they can, while virtual machines start from them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.domain import scene, two_users
from e2e.domain.two_users import here
from testnode import pool, recipe
from testnode.node import Node

LEAST = 100_000  # swaps in a race
_LOST = 'OfflineUniverses = {"VM"'


@dataclass(frozen=True)
class Race:
    """What came of it. acts: how often the attackers acted. started: guests that libvirt has tried to start.

    refused: what the builder said. opened: files that QEMU had open, with its user id. consoles: what guests printed.
    qemu: libvirt's logs of the guests. lost: whether the node has lost VM universe for a time.
    """

    acts: int
    started: int
    refused: str
    opened: set[tuple[int, str]]
    consoles: set[str]
    qemu: str
    lost: bool


def run(
    worker: Node, name: str, attackers: Mapping[str, str], victims: str, seconds: float = 25, until: str = ""
) -> Race:
    """Run attackers' hostile_user.py (the words, by user; END is replaced), then alice's jobs, for some seconds.

    until: what the builder says when there is no more to see, "" for nothing.
    """
    wait_for_vm_universe(worker)
    end = f"/srv/{name}.end"
    logs = [here(worker, f"/var/log/condor/{log}") for log in ("StartLog", "VMGahpLog")]
    lengths = [len(_text(log)) for log in logs]
    clusters = {
        user: two_users.submit(worker, user, name, two_users.ordinary_job(words.replace("END", end), "attacker"))
        for user, words in attackers.items()
    }
    worker.wait_until(
        lambda: all(pool.job_ad(worker, cluster).get("JobStatus") == pool.RUNNING for cluster in clusters.values()),
        "the attackers run",
        60,
    )
    cluster = two_users.submit(worker, recipe.USER, f"{name}-victims", victims)
    opened: set[tuple[int, str]] = set()
    consoles: set[str] = set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not (until and until in _text(logs[1])[lengths[1] :]):
        opened |= two_users.opened(worker)
        consoles |= two_users.consoles(worker)
        time.sleep(0.05)
    here(worker, end).touch()
    worker.wait_until(
        lambda: not any(pool.job_ad(worker, attacker) for attacker in clusters.values()), "the attackers have ended", 60
    )
    here(worker, end).unlink()
    acts = [_text(here(worker, f"/home/{user}/{name}/attacker.out")) for user in attackers]
    worker.run(["condor_rm", str(cluster)], check=False)
    names = f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}."
    worker.wait_until(
        lambda: not [guest for guest in scene.guests(worker) if guest.startswith(names)], "the guests are gone", 90
    )
    qemu = "".join(_text(log) for log in scene.logs(worker, cluster))
    startd, gahp = (_text(log)[length:] for log, length in zip(logs, lengths))
    return Race(
        acts=sum(int(text) for text in acts if text.strip()),
        started=qemu.count(": starting up libvirt"),
        refused="\n".join(line for line in gahp.splitlines() if "refused: " in line),
        opened=opened,
        consoles=consoles,
        qemu=qemu,
        lost=_LOST in startd,
    )


def wait_for_vm_universe(worker: Node) -> None:
    """Wait until the node offers VM universe again, which the race before may have cost it."""
    worker.wait_until(lambda: pool.slot_ad(worker).get("HasVM") is True, "the slot offers VM universe again", 240)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
