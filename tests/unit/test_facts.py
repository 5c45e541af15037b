"""Facts: what is read of /proc and /dev, from a root that is a temporary directory."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.genconfig import facts, kvm


@pytest.fixture
def root() -> Iterator[Path]:
    """An empty host. Not tmp_path: a socket's path must be shorter than 108 bytes."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        (path / "proc").mkdir()
        (path / "proc/cpuinfo").write_text("processor\t: 0\nflags\t\t: fpu vmx lm\n")
        (path / "proc/meminfo").write_text("MemTotal:       16384000 kB\nMemFree: 1 kB\n")
        yield path


def make_program(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def test_bare_host_has_nothing(root: Path) -> None:
    found = facts.collect(root)
    assert found.cpu_virtualisation == "Intel VT-x"
    assert found.ram_mib == 16000
    assert found.kvm == kvm.KvmDevice(False, "cannot open /dev/kvm: No such file or directory")
    assert found.libvirt.startswith("no libvirt daemon listens (/run/libvirt/virtqemud-sock: No such file")
    assert not any([found.nat_network, found.qemu_img, found.plugin, found.vm_gahp, found.htcondor_config])


def test_equipped_host_has_everything(root: Path) -> None:
    for program in ("usr/bin/qemu-img", "usr/local/bin/vm-nfs-plugin", "usr/sbin/condor_vm-gahp"):
        make_program(root / program)
    (root / "etc/condor/config.d").mkdir(parents=True)
    (root / "run/libvirt/network").mkdir(parents=True)
    (root / "run/libvirt/network/default.xml").write_text("<networkstatus/>")
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(root / "run/libvirt/libvirt-sock"))
        daemon.listen()
        found = facts.collect(root)
    assert found.libvirt == ""
    assert all([found.nat_network, found.qemu_img, found.plugin, found.vm_gahp, found.htcondor_config])


def test_socket_of_a_dead_daemon_is_no_libvirt(root: Path) -> None:
    (root / "run/libvirt").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(root / "run/libvirt/libvirt-sock"))
        daemon.listen()
    assert "/run/libvirt/libvirt-sock: Connection refused" in facts.collect(root).libvirt


def test_host_without_proc_is_one_message(root: Path) -> None:
    (root / "proc/meminfo").unlink()
    with pytest.raises(facts.FactsError, match=r"cannot look at .*/proc/meminfo: No such file .*; check that /proc is"):
        facts.collect(root)


def test_what_this_user_may_not_look_at_is_one_message(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", forbidden)
    with pytest.raises(facts.FactsError, match=r"/etc/condor/config.d: Permission denied; run this as root"):
        facts.collect(root)


def test_device_that_creates_no_virtual_machine_is_of_no_use(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ioctl(_descriptor: int, request: int, _argument: int) -> int:
        if request == 0xAE00:  # KVM_GET_API_VERSION
            return 12
        raise OSError(16, "Device or resource busy")

    (root / "dev").mkdir()
    (root / "dev/kvm").write_text("")
    monkeypatch.setattr("fcntl.ioctl", ioctl)
    assert kvm.probe(root).reason == "/dev/kvm does not create virtual machines: Device or resource busy"


def test_device_that_is_not_for_this_user_is_told_apart(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as context:
        context.setattr("os.open", forbidden)
        found = kvm.probe(root)
    assert found == kvm.KvmDevice(False, "cannot open /dev/kvm: Permission denied", forbidden=True)


def test_device_that_is_not_kvm_is_told_apart(root: Path) -> None:
    (root / "dev").mkdir()
    (root / "dev/kvm").write_text("")
    assert kvm.probe(root).reason == "/dev/kvm does not create virtual machines: Inappropriate ioctl for device"


@pytest.mark.skipif(not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="needs a /dev/kvm that this user may open")
def test_real_device_creates_a_virtual_machine() -> None:
    assert kvm.probe() == kvm.KvmDevice(True)


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        ("flags\t\t: fpu svm\n", "AMD-V"),
        ("vmx flags\t: yes\nflags : fpu\n", ""),
        ("Features\t: fp asimd\n", ""),  # aarch64
        ("flags : fpu xvmx vmxx\n", ""),
        ("", ""),
    ],
)
def test_cpu_virtualisation_is_a_flag_of_its_own(cpuinfo: str, name: str) -> None:
    assert facts.cpu_virtualisation(cpuinfo) == name


@given(st.text(st.sampled_from("MemTotal: 019kBG\n\tx")))
def test_meminfo_is_a_number_or_one_message(text: str) -> None:
    try:
        assert facts.ram_mib(text) >= 0
    except facts.FactsError as error:
        assert "MemTotal" in str(error)


@given(st.integers(0, 1 << 50))
def test_ram_is_read_in_mib(kib: int) -> None:
    assert facts.ram_mib(f"MemTotal:{kib:20} kB\n") == kib // 1024
