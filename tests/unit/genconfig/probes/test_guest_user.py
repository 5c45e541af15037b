"""Whether QEMU can run as the job's user, who has the rights of everybody on the node's own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage.genconfig.outcome import PASSED, not_tried
from condor_kvm_stage.genconfig.probes import guest_user
from support.fake_host import MODES, FakeHost

DEVICE, DIRECTORY = "/dev/kvm", "/var/lib/libvirt/qemu"


def test_permissions_of_el_and_fedora_let_it(tmp_path: Path) -> None:
    assert guest_user.probe(FakeHost(tmp_path)) == guest_user.GuestUser(PASSED, PASSED)


@pytest.mark.parametrize(
    ("path", "mode", "reason"),
    [
        (DEVICE, 0o660, "cannot open /dev/kvm (mode 0660)"),
        (DEVICE, 0o664, "cannot open /dev/kvm (mode 0664)"),
        (DIRECTORY, 0o750, "cannot search /var/lib/libvirt/qemu (mode 0750)"),
        (DIRECTORY, 0o754, "cannot search /var/lib/libvirt/qemu (mode 0754)"),
    ],
)
def test_permission_that_is_missing_is_named(tmp_path: Path, path: str, mode: int, reason: str) -> None:
    found = guest_user.probe(FakeHost(tmp_path, modes={**MODES, path: mode}))
    assert found.fault == f"the job's user, as whom QEMU runs, {reason}"


def test_all_that_is_missing_is_named(tmp_path: Path) -> None:
    found = guest_user.probe(FakeHost(tmp_path, modes={DEVICE: 0, DIRECTORY: 0}))
    assert "/dev/kvm" in found.fault
    assert "/var/lib/libvirt/qemu" in found.fault


def test_what_is_not_there_is_not_known_and_no_fault(tmp_path: Path) -> None:
    """libvirt makes its directory when its daemon starts for the first time."""
    found = guest_user.probe(FakeHost(tmp_path, modes={DEVICE: 0o666}))
    assert found.directory == not_tried("there is no /var/lib/libvirt/qemu")
    assert found.fault == ""
