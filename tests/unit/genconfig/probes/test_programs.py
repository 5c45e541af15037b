"""Programs are found where distributions install them; missing ones of this package are listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.probes import programs
from condor_kvm_stage.genconfig.probes.programs import Programs
from support.fake_host import FakeHost


def probe(root: Path, *there: str) -> Programs:
    return programs.probe(FakeHost(root, programs=dict.fromkeys(there, Answer(0))))


def test_bare_host_has_nothing(tmp_path: Path) -> None:
    ours = (installed.BUILDER, installed.BUILD_DOMAIN, installed.HOOK, installed.GAHP)
    assert probe(tmp_path) == Programs("", "", "", "", "/usr/local/bin/vm-nfs-plugin", ours)


def test_plugin_is_found_where_an_image_without_usr_local_has_it(tmp_path: Path) -> None:
    other = "/usr/libexec/condor-kvm-stage/vm-nfs-plugin"
    assert probe(tmp_path, other).plugin == other


def test_program_of_ours_that_is_not_there_is_missing(tmp_path: Path) -> None:
    ours = (installed.BUILDER, installed.BUILD_DOMAIN, installed.HOOK, installed.GAHP)
    assert probe(tmp_path, *ours[1:]).missing == (installed.BUILDER,)
    assert probe(tmp_path, installed.BUILDER, *ours[2:]).missing == (installed.BUILD_DOMAIN,)
    assert probe(tmp_path, *ours).missing == ()


@pytest.mark.parametrize(
    "path",
    ["/usr/libexec/qemu-kvm", "/usr/bin/qemu-system-x86_64", "/usr/bin/qemu-system-aarch64", "/usr/bin/qemu-kvm"],
)
def test_emulator_is_found_where_each_distribution_has_it(tmp_path: Path, path: str) -> None:
    assert probe(tmp_path, path).qemu == path


def test_programs_are_found(tmp_path: Path) -> None:
    there = ("/usr/bin/qemu-img", "/usr/sbin/condor_vm-gahp")
    found = probe(tmp_path, *there)
    assert (found.qemu_img, found.vm_gahp, found.qemu) == (*there, "")
