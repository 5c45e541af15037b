"""Talk to the node's HTCondor like its administrators and users: through its command-line tools."""

from __future__ import annotations

import json
from typing import Any

from . import recipe
from .node import Node
from .run import CommandError, TestNodeError, allowed

Ad = dict[str, Any]
# JobStatus: HTCondor's manual, "Job ClassAd Attributes"
IDLE, RUNNING, HELD = 1, 2, 5


def major_version(node: Node) -> int:
    """Return the first number of the version of the node's HTCondor (`$CondorVersion: 25.14.1 …`)."""
    return int(node.run("condor_version").stdout.split()[1].split(".")[0])


def slot_ad(node: Node) -> Ad:
    """Return the ad of the node's partitionable slot as the collector has it, {} while it has none."""
    own = f'PartitionableSlot && Machine == "{node.name}"'
    try:
        found = node.run(["condor_status", "-json", "-constraint", own], timeout=20).stdout
    except CommandError:
        return {}  # no collector yet
    ads: list[Ad] = json.loads(found or "[]")
    return ads[0] if ads else {}


def methods_in(slot: Ad) -> set[str]:
    """Return the URL schemes that a slot ad advertises."""
    return set(slot.get("HasFileTransferPluginMethods", "").split(",")) - {""}


def transfer_methods(node: Node) -> set[str]:
    """Return the URL schemes that the node's slot advertises now."""
    return methods_in(slot_ad(node))


def wait_for_slot(node: Node) -> None:
    """Wait until HTCondor is up and the startd has sent its slot ad."""
    node.wait_until(lambda: bool(transfer_methods(node)), "HTCondor's startd advertises its slot", 90)


def restart_at_once(node: Node) -> None:
    """Let HTCondor's master restart daemons immediately: by default its back-off grows with each restart."""
    setting = node.root / "etc/condor/config.d/20-restarts.conf"
    setting.write_text("MASTER_BACKOFF_CEILING = 2\n", encoding="utf-8")
    node.run("condor_reconfig")


def submit(node: Node, name: str, description: str) -> int:
    """Submit a job as the node's user, from a submit file `name` in the home directory. Returns its cluster id."""
    home = node.root / "home" / recipe.USER
    (home / name).write_text(description, encoding="utf-8")
    output = node.run(["condor_submit", "-terse", name], user=recipe.USER).stdout
    return int(output.split(".", 1)[0])


def job_ad(node: Node, cluster: int) -> Ad:
    """Return the ad of a job that is in the queue, {} if it has left it."""
    found = node.run(["condor_q", "-json", str(cluster)], timeout=20).stdout
    ads: list[Ad] = json.loads(found or "[]")
    return ads[0] if ads else {}


def wait_for_hold(node: Node, cluster: int, timeout: float = 60) -> Ad:
    """Wait until a job is on hold. Returns its ad, with HoldReason."""
    node.wait_until(lambda: job_ad(node, cluster).get("JobStatus") == HELD, f"job {cluster} is on hold", timeout)
    return job_ad(node, cluster)


def wait_for_end(node: Node, log: str, timeout: float) -> str:
    """Wait until the jobs of an event log in the user's home directory have ended. Returns the log's text.

    Raises TestNodeError, with what HTCondor knows about the jobs, if they have not ended in time.
    """
    wait = ["condor_wait", "-wait", str(int(allowed(timeout))), log]
    ended = node.run(wait, user=recipe.USER, timeout=timeout + 10, check=False).returncode == 0
    events = (node.root / "home" / recipe.USER / log).read_text(encoding="utf-8")
    if not ended:
        queue = node.run(["condor_q", "-all", "-better-analyze"], timeout=30).stdout
        raise TestNodeError(
            f"timed out after {allowed(timeout):.0f} s: the jobs of {log} have ended\n{events}\n{queue}"
        )
    return events


def run_to_hold(node: Node, name: str, description: str, timeout: float = 60) -> Ad:
    """Submit a job, from a file `name`.sub, that will be put on hold. Returns its ad; the job is removed then."""
    cluster = submit(node, f"{name}.sub", description)
    ad = wait_for_hold(node, cluster, timeout)
    node.run(["condor_rm", str(cluster)])
    return ad


def run_to_end(node: Node, name: str, description: str, timeout: float = 60) -> list[str]:
    """Submit a job that writes `name`.out and `name`.log, and wait for its end. Returns the lines of its output.

    Raises TestNodeError if its exit status is not 0.
    """
    home = node.root / "home" / recipe.USER
    assert not (home / f"{name}.log").exists(), "the end of an earlier job would be mistaken for that of this one"
    submit(node, f"{name}.sub", description)
    events = wait_for_end(node, f"{name}.log", timeout)
    if "Normal termination (return value 0)" not in events:
        raise TestNodeError(f"the job {name} failed; its event log:\n{events}")
    return (home / f"{name}.out").read_text(encoding="utf-8").splitlines()
