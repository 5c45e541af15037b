"""The package requires what EL, Fedora and openSUSE call these things, no more and no less: rpm itself says so."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from testnode import builds
from testnode.run import run

EVERYWHERE = ["/bin/sh", "/usr/bin/python3", "/usr/bin/virsh", "findutils", "libvirt-daemon-driver-qemu"]
REDHAT = [*EVERYWHERE, "python3-jinja2", "qemu-img", "qemu-kvm-core"]
# What these systems have under these names; openSUSE's names of Python's packages are those of the versions' provides
SYSTEMS = {
    "el9": [*REDHAT, "python3 = 3.9.25", "python3-tomli"],
    "el10": [*REDHAT, "python3 = 3.12.12"],
    "fedora": [*REDHAT, "python3 = 3.14.2"],
    "tumbleweed": [*EVERYWHERE, "python3 = 3.13.9", "python3-Jinja2", "qemu-tools", "qemu-x86"],
}
SPEC = """\
Name: system
Version: 1
Release: 1
Summary: What a system has
License: Apache-2.0
BuildArch: noarch
%description
What a system has.
"""
PACKAGE = """\
%package -n has-{number}
Summary: What a system has
Provides: {name}
%description -n has-{number}
What a system has.
%files -n has-{number}
"""


class Database:
    """A database of RPM's, without the files of its packages: what is installed on a system."""

    def __init__(self, place: Path, names: Sequence[str]) -> None:
        """Install a package for each name, which provides it."""
        self.place = place
        spec = place / "system.spec"
        packages = [PACKAGE.format(number=number, name=name) for number, name in enumerate(names)]
        spec.write_text(SPEC + "".join(packages), encoding="utf-8")
        run(["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {place}", spec])
        assert self.rpm("--install", *sorted(place.glob("RPMS/noarch/*.rpm"))) == ""

    def rpm(self, *words: str | Path) -> str:
        """Let rpm change the database. Returns what it says is missing, "" if it did it."""
        command = ["rpm", "--dbpath", self.place / "db", "--justdb", "--nosignature", *words]
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return said.stderr if said.returncode else ""  # Debian's rpm has a warning of its own


@pytest.mark.parametrize("system", SYSTEMS)
def test_package_needs_all_that_a_system_is_to_have_and_nothing_else(system: str, tmp_path: Path) -> None:
    names = SYSTEMS[system]
    database = Database(tmp_path, names)
    assert database.rpm("--install", builds.built()) == ""
    for number, name in enumerate(names):
        said = database.rpm("--erase", "--test", f"has-{number}")
        assert f"{name.split()[0]} " in said or f"{name.split()[0]})" in said, f"without {name}: {said!r}"


def test_package_needs_the_vm_gahp_only_where_htcondor_is_installed_by_rpm(tmp_path: Path) -> None:
    names = [*SYSTEMS["el10"], "condor-vm-gahp"]
    database = Database(tmp_path, names)
    (tmp_path / "condor").mkdir()
    with_htcondor = Database(tmp_path / "condor", [*SYSTEMS["el10"], "condor"])
    assert database.rpm("--install", builds.built()) == ""
    assert "(condor-vm-gahp if condor) is needed by" in with_htcondor.rpm("--install", builds.built())


def test_package_for_access_points_needs_nothing(tmp_path: Path) -> None:
    assert Database(tmp_path, ["/bin/sh"]).rpm("--install", builds.submit_package()) == ""
