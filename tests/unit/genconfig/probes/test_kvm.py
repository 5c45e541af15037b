"""What /dev/kvm answers, and what else the kernel says about KVM."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from condor_kvm_stage.genconfig.probes import kvm
from condor_kvm_stage.genconfig.probes.kvm import KvmDevice
from condor_kvm_stage.host import Host
from support.fake_host import FakeHost, write

_CREATE_VM = 0xAE01


class RefusingHost(FakeHost):
    """A host whose /dev/kvm can be opened, but fails at one request, with a given errno."""

    def __init__(self, root: Path, request: int, name: str) -> None:
        super().__init__(root)
        self.request = request
        self.code: int = getattr(errno, name)

    def ioctl(self, descriptor: int, request: int) -> int:
        if request == self.request:
            raise OSError(self.code, os.strerror(self.code))
        return super().ioctl(descriptor, request)


def test_device_that_makes_a_virtual_machine_is_usable(tmp_path: Path) -> None:
    found = kvm.probe(FakeHost(tmp_path))
    assert found == KvmDevice(True, "", "", (), None)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("ENOENT", "No such file or directory"),
        ("EACCES", "Permission denied"),
        ("EPERM", "Operation not permitted"),  # the control group's list of devices
        ("ENODEV", "No such device"),
        ("ENXIO", "No such device or address"),
        ("EBUSY", "Device or resource busy"),
    ],
)
def test_device_that_cannot_be_opened_is_told_apart_by_errno(tmp_path: Path, code: str, reason: str) -> None:
    found = kvm.probe(FakeHost(tmp_path, kvm=code))
    assert found == KvmDevice(False, f"cannot open /dev/kvm: {reason}", code)


@pytest.mark.parametrize("request_number", [0xAE00, _CREATE_VM])
@pytest.mark.parametrize("code", ["EBUSY", "ENOMEM", "ENOTTY"])
def test_device_that_creates_no_virtual_machine_is_of_no_use(tmp_path: Path, request_number: int, code: str) -> None:
    found = kvm.probe(RefusingHost(tmp_path, request_number, code))
    reason = f"/dev/kvm does not create virtual machines: {os.strerror(getattr(errno, code))}"
    assert found == KvmDevice(False, reason, code)


@pytest.mark.parametrize("version", [11, 13])
def test_device_of_another_api_is_of_no_use(tmp_path: Path, version: int) -> None:
    found = kvm.probe(FakeHost(tmp_path, api_version=version))
    assert found == KvmDevice(False, f"/dev/kvm has API version {version}, not 12")


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for host in (
        FakeHost(tmp_path),
        FakeHost(tmp_path, api_version=11),
        RefusingHost(tmp_path, _CREATE_VM, "EBUSY"),
    ):
        kvm.probe(host)
    assert os.listdir("/proc/self/fd") == before


def test_file_that_is_no_device_is_told_apart(tmp_path: Path) -> None:
    """The real ioctl, on a real file."""
    write(tmp_path, "dev/kvm", "")
    found = kvm.probe(Host(tmp_path))
    assert found == KvmDevice(
        False, "/dev/kvm does not create virtual machines: Inappropriate ioctl for device", "ENOTTY"
    )


def test_modules_of_kvm_are_found_among_the_loaded(tmp_path: Path) -> None:
    write(
        tmp_path,
        "proc/modules",
        "kvm_amd 217088 0 - Live 0xffffffffc0a00000\nccp 143360 1 kvm_amd, Live 0x0\nkvm 1343488 1 kvm_amd, Live 0x0\n"
        "irqbypass 12288 1 kvm, Live 0x0\nkvmfr 1 0 - Live 0x0\n",
    )
    assert kvm.probe(FakeHost(tmp_path)).modules == ("kvm", "kvm_amd")
    assert kvm.probe(FakeHost(tmp_path)).rivals == ()


def test_modules_of_other_hypervisors_are_found_among_the_loaded(tmp_path: Path) -> None:
    write(tmp_path, "proc/modules", "vmnet 1 0 - Live 0x0\nvmmon 1 0 - Live 0x0\nvboxdrv 1 0 - Live 0x0\n")
    assert kvm.probe(FakeHost(tmp_path)).rivals == ("vboxdrv", "vmmon")


@pytest.mark.parametrize(
    ("module", "value", "nested"),
    [
        ("kvm_intel", "Y\n", True),
        ("kvm_intel", "N\n", False),
        ("kvm_amd", "1\n", True),
        ("kvm_amd", "0\n", False),
        ("kvm", "Y\n", None),
    ],
)
def test_nested_is_what_the_module_says(tmp_path: Path, module: str, value: str, nested: bool | None) -> None:
    write(tmp_path, f"sys/module/{module}/parameters/nested", value)
    assert kvm.probe(FakeHost(tmp_path)).nested is nested
