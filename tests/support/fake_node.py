"""A node with HTCondor, for the unit tests of --apply and the command line: its files, and its pool's answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from condor_kvm_stage import installed
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.probes import collect
from condor_kvm_stage.genconfig.snippet import values, wanted
from condor_kvm_stage.genconfig.startd import apply as startd
from condor_kvm_stage.messages import NOTICE, Message
from support.fake_host import CAPABILITIES, FakeHost, write

Ads = list[dict[str, Any]]

# With this policy the offer does not depend on the host
POLICY = """\
[vm]
memory = "1G"
max_number = 4
[network]
types = []
[htcondor]
wait = 60
"""
OFFERED = "HTCondor advertises for this node: HasVM = true, VM_Memory = 1024, staging by nfs:// = true."
RESTARTED = "Its startd was restarted for that; it had no job."
NEXT = "Next: condor-kvm-stage-genconfig --check says whether VM jobs can run here; then: man condor-kvm-stage"
RECONFIG = "condor_reconfig"
UP_TO_DATE = f"{installed.SNIPPET} is up to date\n"
RECONFIGURED = 2_000_000_000  # the Unix time at which a test starts


def slot(**changes: Any) -> dict[str, Any]:
    """Return the slot ad of a node that offers what POLICY asks for, with changes. None removes an attribute."""
    ad = {
        "Name": "slot1@worker",
        "SlotType": "Partitionable",
        "State": "Unclaimed",
        "HasFileTransferPluginMethods": "https,nfs",
        "HasVM": True,
        "VM_Memory": 1024,
        "VM_AvailNum": 4,
        "VM_Networking": False,
        "DaemonLastReconfigTime": RECONFIGURED,
        **changes,
    }
    return {name: value for name, value in ad.items() if value is not None}


def job(name: str) -> dict[str, Any]:
    """Return the ad of the dynamic slot of a job."""
    return {"Name": name, "SlotType": "Dynamic", "State": "Claimed"}


class FakeNode(FakeHost):
    """A worker whose HTCondor runs. pool: the collector's answers, one for each query; the last one is repeated."""

    def __init__(self, root: Path, *pool: Ads) -> None:
        self.pool = list(pool) or [[slot()]]
        settings = {"DAEMON_LIST": "MASTER, STARTD", "FULL_HOSTNAME": "worker", "CONDOR_VERSION": "25.14.1"}
        super().__init__(
            root,
            sockets=("/run/libvirt/libvirt-sock",),
            programs={
                "/usr/bin/condor_config_val": Answer(
                    0, "".join(f"{name} = {value}\n # at: <Default>\n" for name, value in settings.items())
                ),
                "/usr/sbin/condor_master": Answer(0),
                "/usr/sbin/condor_reconfig": Answer(0),
                "/usr/sbin/condor_restart": Answer(0),
                "/usr/bin/virsh": lambda command: Answer(0, CAPABILITIES if "domcapabilities" in command[-1] else ""),
                "/usr/bin/qemu-system-x86_64": Answer(0),
                "/usr/bin/condor_status": lambda command: Answer(0, json.dumps(self._next())),
            },
        )
        for directory in ("etc/condor/config.d", "etc/condor-kvm-stage", "proc/self/ns", "proc/1/ns", "proc/77"):
            (root / directory).mkdir(parents=True)
        self.put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu svm lm\n")
        self.put("/proc/meminfo", "MemTotal:       16384000 kB\n")
        self.put("/proc/77/comm", "condor_master\n")
        self.policy(POLICY)
        for process in ("self", "1"):
            (root / f"proc/{process}/ns/net").symlink_to("net:[4026531840]")

    def put(self, path: str, text: str) -> None:
        """Write a file of the node."""
        write(self.root, path.lstrip("/"), text)

    def policy(self, text: str) -> None:
        """Write the site's policy."""
        self.put("/etc/condor-kvm-stage/config.toml", text)

    def confine(self) -> None:
        """Be in a scriptlet under rpm's plug-in `unshare`, that is in another network namespace."""
        self.path("/proc/self/ns/net").unlink()
        self.path("/proc/self/ns/net").symlink_to("net:[4026532999]")

    def commands(self) -> list[str]:
        """Return the command lines that changed something, in order."""
        asking = ("condor_config_val", "condor_status", "libvirtd", "virtqemud", "journalctl", "virsh")
        shown = [words for words in self.asked if words[0] not in asking and "show" not in words]
        return [" ".join(words) for words in shown if "qemu" not in words[0]]

    def _next(self) -> Ads:
        return self.pool.pop(0) if len(self.pool) > 1 else self.pool[0]


def files(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file under a directory."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(root)), path.read_text(encoding="utf-8", errors="backslashreplace")


def restarting(how: str) -> str:
    """Return POLICY with a value for htcondor.restart."""
    return POLICY.replace("[htcondor]\n", f'[htcondor]\nrestart = "{how}"\n')


def apply(node: FakeNode, text: str = POLICY) -> list[str]:
    """Make a node's HTCondor apply the snippet for a policy. Returns the lines that are printed."""
    return [line.text for line in _apply(node, text)]


def notices(node: FakeNode, text: str = POLICY) -> list[str]:
    """Make a node's HTCondor apply the snippet for a policy. Returns the messages of level NOTICE."""
    return [line.text for line in _apply(node, text) if line.level == NOTICE]


def _apply(node: FakeNode, text: str) -> Iterator[Message]:
    node.policy(text)
    site = wanted.policy_of(node)
    found = collect.collect(node)
    return startd.apply(node, found.htcondor, site, values.decide(found, site))


class Clock:
    """A clock that advances only by sleep()."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return RECONFIGURED + self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
