"""The disk of a machine with SELinux: its files have their contexts, though the kernel that made it may have none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testnode import machine_flavour, machine_root
from testnode.recipe import Release
from testnode.run import run

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

TYPES = {
    "/usr/sbin/libvirtd": "virtd_exec_t",
    "/usr/sbin/condor_vm-gahp": "virtd_exec_t",
    "/usr/bin/qemu-system-x86_64": "qemu_exec_t",
    "/usr/libexec/virtiofsd": "bin_t",
    "/etc/selinux/config": "selinux_config_t",
}


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    with machine_root.cached(Release.TESTING, machine_flavour.SELINUX) as directory:
        yield directory / machine_root.IMAGE


@pytest.mark.parametrize("path", TYPES)
def test_file_has_the_context_that_the_policy_gives_to_its_path(image: Path, path: str) -> None:
    said = run(["debugfs", "-R", f"ea_list {path}", image]).stdout
    assert f'"system_u:object_r:{TYPES[path]}:s0' in said
