"""The package as it is built for hosts whose image does not hold /usr/local: `rpmbuild --with image_mode`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from condor_kvm_stage.genconfig.probes import programs
from condor_kvm_stage.host import Host
from testnode import builds

ORDINARY = {"/usr/local/bin/vm-nfs-plugin"}
DIRECTORY = "/usr/libexec/condor-kvm-stage"


def files_of(package: Path) -> set[str]:
    query = ["rpm", "--query", "--nosignature", "--list", "--package", str(package)]
    return set(subprocess.run(query, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines())


def test_plugin_is_where_the_generator_finds_it_and_nothing_is_in_usr_local(tmp_path: Path) -> None:
    options = ["--nodeps", "--nocheck", "--with", "image_mode", "--define", f"_topdir {tmp_path}"]
    subprocess.run(
        ["rpmbuild", "--rebuild", *options, str(builds.source_package())], check=True, capture_output=True, timeout=60
    )
    package = builds.for_workers(tmp_path / "RPMS/noarch")
    plugin = f"{DIRECTORY}/vm-nfs-plugin"
    assert files_of(package) == files_of(builds.built()) - ORDINARY | {DIRECTORY, plugin}

    root = tmp_path / "root"
    root.mkdir()
    unpacked = subprocess.run(
        ["rpm2archive", "-"], check=True, stdin=package.open("rb"), capture_output=True, timeout=60
    )
    subprocess.run(["tar", "--extract", "--gzip", "--directory", root], check=True, input=unpacked.stdout, timeout=60)
    assert programs.plugin(Host(root)) == plugin
