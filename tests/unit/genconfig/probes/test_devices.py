"""What the kernel provides for guests: devices, control groups v1 and v2, an IOMMU, memory encryption."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage.genconfig.outcome import PASSED, Outcome, failed
from condor_kvm_stage.genconfig.probes import devices
from condor_kvm_stage.genconfig.probes.devices import CONTROLLERS, Devices
from support.fake_host import FakeHost, write

NO_IOMMU = failed("no ACPI table DMAR or IVRS")
PARAMETERS = "sys/module/{}/parameters/{}"


def probe(root: Path, *files: str, text: str = "") -> Devices:
    for file in files:
        write(root, file, text)
    return devices.probe(FakeHost(root))


def test_bare_host_has_nothing(tmp_path: Path) -> None:
    assert probe(tmp_path) == Devices(False, (), NO_IOMMU, "", ())


def test_devices_are_told_apart(tmp_path: Path) -> None:
    assert not probe(tmp_path).vhost_net
    assert probe(tmp_path, "dev/vhost-net").vhost_net


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("cpuset cpu io memory hugetlb pids rdma misc\n", CONTROLLERS),
        ("cpu memory pids\n", ("memory", "cpu", "cpuacct", "devices")),
        ("\n", ("cpuacct", "devices")),
    ],
)
def test_controllers_of_cgroup_v2_have_names_of_their_own(tmp_path: Path, listed: str, found: tuple[str, ...]) -> None:
    assert probe(tmp_path, "sys/fs/cgroup/cgroup.controllers", text=listed).controllers == found


def test_controllers_of_cgroup_v1_are_directories_and_links_to_such(tmp_path: Path) -> None:
    for name in ("cpu,cpuacct", "memory", "unified", "devices"):
        (tmp_path / "sys/fs/cgroup" / name).mkdir(parents=True)
    for name in ("cpu", "cpuacct"):
        (tmp_path / "sys/fs/cgroup" / name).symlink_to("cpu,cpuacct")
    assert probe(tmp_path).controllers == ("memory", "cpu", "cpuacct", "devices")


@pytest.mark.parametrize(
    ("files", "iommu"),
    [
        ((), NO_IOMMU),
        (("sys/firmware/acpi/tables/DMAR",), failed("ACPI has a table DMAR, but the kernel uses no IOMMU")),
        (("sys/firmware/acpi/tables/IVRS",), failed("ACPI has a table IVRS, but the kernel uses no IOMMU")),
        (("sys/firmware/acpi/tables/DMAR", "sys/kernel/iommu_groups/0/type"), PASSED),
        (("sys/kernel/iommu_groups/0/type",), PASSED),  # aarch64 has other tables
    ],
)
def test_iommu_counts_only_if_the_kernel_uses_it(tmp_path: Path, files: tuple[str, ...], iommu: Outcome) -> None:
    assert probe(tmp_path, *files).iommu == iommu


def test_iommu_without_a_group_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "sys/kernel/iommu_groups").mkdir(parents=True)
    assert probe(tmp_path).iommu == NO_IOMMU


@pytest.mark.parametrize(
    ("module", "parameter", "kind"),
    [("kvm_amd", "sev", "SEV"), ("kvm_amd", "sev_snp", "SEV-SNP"), ("kvm_intel", "tdx", "TDX"), ("kvm", "sev", "")],
)
@pytest.mark.parametrize(("value", "on"), [("Y\n", True), ("1\n", True), ("N\n", False), ("0\n", False)])
def test_memory_encryption_is_what_the_module_says(
    tmp_path: Path, module: str, parameter: str, kind: str, value: str, on: bool
) -> None:
    path = PARAMETERS.format(module, parameter)
    assert probe(tmp_path, path, text=value).secure_guests == (kind if on else "")


def test_best_kind_of_memory_encryption_counts(tmp_path: Path) -> None:
    paths = [PARAMETERS.format("kvm_amd", name) for name in ("sev", "sev_es", "sev_snp")]
    assert probe(tmp_path, *paths, text="Y\n").secure_guests == "SEV-SNP"


def test_interfaces_are_named(tmp_path: Path) -> None:
    for name in ("lo", "eth0", "br0"):
        (tmp_path / "sys/class/net" / name).mkdir(parents=True)
    assert probe(tmp_path).interfaces == ("br0", "eth0", "lo")
