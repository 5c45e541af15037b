"""Whether QEMU can run as the job's user, who has the rights of everybody on the node's own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage.genconfig.outcome import PASSED, not_tried
from condor_kvm_stage.genconfig.probes import guest_user
from support.fake_host import FakeHost

DEVICE = "/dev/kvm"


def test_permissions_of_el_and_fedora_let_it(tmp_path: Path) -> None:
    assert guest_user.probe(FakeHost(tmp_path)) == guest_user.GuestUser(PASSED, PASSED)


@pytest.mark.parametrize("mode", [0o660, 0o664, 0o662])
def test_permission_that_is_missing_is_named(tmp_path: Path, mode: int) -> None:
    found = guest_user.probe(FakeHost(tmp_path, modes={DEVICE: mode}))
    assert found.device.failed
    assert found.device.reason.endswith(f"cannot open /dev/kvm (mode {mode:04o})")


def test_device_that_is_not_there_is_not_known(tmp_path: Path) -> None:
    assert guest_user.probe(FakeHost(tmp_path, modes={})).device == not_tried("there is no /dev/kvm")


def test_group_must_not_be_roots(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    host.groups["/var/lib/libvirt/qemu"] = 0
    found = guest_user.probe(host)
    assert found.device.passed
    assert found.fault == "/var/lib/libvirt/qemu belongs to root's group, as whom no guest may run"


def test_directory_that_libvirts_group_cannot_search_is_named(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, modes={DEVICE: 0o666, "/var/lib/libvirt/qemu": 0o700})
    assert guest_user.probe(host).fault.endswith("its group may not search it (mode 0700)")


def test_host_without_libvirt_has_no_fault_of_that_kind(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    host.groups.clear()
    host.modes = {DEVICE: 0o666}
    assert guest_user.probe(host).group == not_tried("there is no /var/lib/libvirt/qemu")
    assert guest_user.probe(host).fault == ""
