"""Where the generator runs: booted or not, in which container or virtual machine, with which SELinux."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage.genconfig.probes import environment
from condor_kvm_stage.genconfig.probes.environment import Environment
from support.fake_host import FakeHost, write


def probe(root: Path, files: dict[str, str]) -> Environment:
    for path, text in files.items():
        write(root, path, text)
    return environment.probe(FakeHost(root))


def test_image_build_has_nothing_of_it(tmp_path: Path) -> None:
    assert probe(tmp_path, {}) == Environment(False, "", "", "disabled")


def test_booted_system_is_known_by_systemds_directory(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert probe(tmp_path, {}).booted


@pytest.mark.parametrize(
    ("files", "container"),
    [
        ({".dockerenv": ""}, "docker"),
        ({"run/.containerenv": 'engine="podman-4.9.4"\n'}, "podman"),
        ({"run/systemd/container": "systemd-nspawn\n"}, "systemd-nspawn"),
        ({"run/systemd/container": "lxc"}, "lxc"),
        ({"run/host/container-manager": "systemd-nspawn\n"}, "container"),
        ({".dockerenv": "", "run/systemd/container": "docker\n"}, "docker"),
        ({"run/systemd/container": "\n"}, ""),
        ({"run/host/os-release": ""}, ""),
    ],
)
def test_container_is_known_by_its_kind(tmp_path: Path, files: dict[str, str], container: str) -> None:
    assert probe(tmp_path, files).container == container


@pytest.mark.parametrize(
    ("vendor", "product", "machine"),
    [
        ("QEMU", "Standard PC (Q35 + ICH9, 2009)", "KVM"),
        ("Red Hat", "KVM", "KVM"),
        ("VMware, Inc.", "VMware Virtual Platform", "VMware"),
        ("Xen", "HVM domU", "Xen"),
        ("innotek GmbH", "VirtualBox", "VirtualBox"),
        ("Amazon EC2", "m5.large", "Amazon EC2"),
        ("Amazon EC2", "m5.metal", ""),
        ("Google", "Google Compute Engine", "Google Compute Engine"),
        ("Google", "Eve", ""),  # a laptop
        ("Microsoft Corporation", "Virtual Machine", "Hyper-V"),
        ("Microsoft Corporation", "Surface Pro", ""),
        ("Dell Inc.", "PowerEdge R640", ""),
    ],
)
def test_virtual_machine_is_known_by_the_firmwares_words(
    tmp_path: Path, vendor: str, product: str, machine: str
) -> None:
    files = {"sys/class/dmi/id/sys_vendor": f"{vendor}\n", "sys/class/dmi/id/product_name": f"{product}\n"}
    assert probe(tmp_path, files).machine == machine


@pytest.mark.parametrize(("enforce", "mode"), [("1", "enforcing"), ("0", "permissive")])
def test_selinux_is_what_selinuxfs_says(tmp_path: Path, enforce: str, mode: str) -> None:
    assert probe(tmp_path, {"sys/fs/selinux/enforce": enforce}).selinux == mode
