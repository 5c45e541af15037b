"""A node to look at: libvirt and systemd answer, /dev/kvm works, EXECUTE is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.guest_facts import GuestFacts, to_bytes
from condor_kvm_stage.health import facts, logs
from support.fake_host import FakeHost, write
from support.fake_virsh import FakeLibvirt, host_of


class WatchedNode:
    """The node, and what its programs answer."""

    def __init__(self, root: Path) -> None:
        self.libvirt = FakeLibvirt()
        self.host: FakeHost = host_of(self.libvirt, root)
        self.execute = root / "execute"
        self.units = {"libvirtd.socket": "UnitFileState=enabled\nActiveState=active\n"}
        self.started: list[str] = []
        self.when_started: Callable[[], None] = lambda: self.libvirt.answers.update({("list", "--name"): Answer(0)})
        self.execute.mkdir()
        self.host.programs["/usr/bin/condor_config_val"] = Answer(0, f"{self.execute}\n")
        self.host.programs["/usr/bin/systemctl"] = self._systemctl
        write(root, installed.GUEST_FACTS.lstrip("/"), to_bytes(GuestFacts("host-passthrough")).decode())
        self.keep_current()

    def keep_current(self) -> None:
        """Let the guest facts be known to be current."""
        from condor_kvm_stage.health import state

        known = state.load(self.host)
        known.facts = facts._checksum(self.host)
        state.keep(known, self.host)

    def _systemctl(self, command: tuple[str, ...]) -> Answer:
        if command[1] == "start":
            self.started.append(command[2])
            self.when_started()
            return Answer(0)
        unknown = "UnitFileState=\nActiveState=inactive\n"
        return Answer(0, "\n".join(f"Id={unit}\n{self.units.get(unit, unknown)}" for unit in command[3:]))


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WatchedNode:
    # The host's files are under a directory; what does not go through Host must be there, too
    monkeypatch.setattr(installed, "POLICY", "/etc/condor-kvm-stage/config.toml")
    monkeypatch.setattr(logs, "AGE", 7 * 86400)
    return WatchedNode(tmp_path)
