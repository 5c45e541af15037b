"""The boot unit: what systemd does if it fails, and what HTCondor waits for."""

from __future__ import annotations

import re
from pathlib import Path

from condor_kvm_stage.installed import UNIT

TEXT = (Path(__file__).parents[3] / "packaging" / UNIT).read_text(encoding="utf-8")


def setting(name: str) -> str:
    return " ".join(re.findall(rf"^{name}=(.*)$", TEXT, re.MULTILINE))


def test_failed_unit_is_tried_again_ever_later() -> None:
    """A node that boots may be too busy to answer in time."""
    assert (setting("Type"), setting("Restart")) == ("oneshot", "on-failure")
    assert (setting("RestartSec"), setting("RestartMaxDelaySec")) == ("1min", "15min")
    assert int(setting("RestartSteps")) > 1


def test_htcondor_starts_after_libvirt_has_been_asked() -> None:
    assert setting("Before") == "condor.service"
    assert {"libvirtd.socket", "virtqemud.socket", "virtnetworkd.socket"} <= set(setting("After").split())


def test_shares_and_users_are_there_as_for_htcondor() -> None:
    """These are in the condor.service of HTCondor 25; a test on a node compares with the one that is installed."""
    assert {"autofs.service", "remote-fs.target", "sssd.service", "network-online.target"} <= set(
        setting("After").split()
    )
