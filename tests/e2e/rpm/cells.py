"""The cells of the matrix that install: the same tests for each column, of the package that is in dist/."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from condor_kvm_stage import __version__
from testnode import builds
from testnode.dnf import foreign_lines
from testnode.recipe import PACKAGE, Release

from .column import POLICY, PRIVATE, Column, Installed

_OLDER = f"{PACKAGE}-{builds.OLDER}"
_EDITED = "# The policy of the site\n"


class Cells:
    """What a column does with the package. A subclass in a file of its own says which column: pytest runs that."""

    release: ClassVar[Release]
    rpm: ClassVar[str]
    dnf: ClassVar[str] = "dnf"
    dnf_version: ClassVar[str]

    def test_column_has_the_versions_that_it_is_named_after(self, column: Column) -> None:
        assert column.run(["rpm", "--version"]).startswith(f"RPM version {self.rpm}.")
        assert re.match(rf"(dnf5 version )?{re.escape(self.dnf_version)}\.", column.run([self.dnf, "--version"]))

    def test_installs_without_a_word(self, installed: Installed) -> None:
        assert installed.column.version() == __version__
        assert foreign_lines(installed.output) == []

    def test_verifies(self, installed: Installed) -> None:
        assert installed.column.verify() == ""

    def test_programs_run_from_bytecode_and_write_none(self, installed: Installed) -> None:
        column = installed.column
        assert_compiled(column)
        before = column.files()
        for program in ("/usr/local/bin/vm-nfs-plugin", "/usr/sbin/condor-kvm-stage-genconfig"):
            assert column.run([program, "--version"]).split()[1] == __version__
            # where Python (-v) has the code of each module from: the bytecode, or the source
            imports = column.run(["python3", "-v", program, "--version"])
            origins = re.findall(rf"^# code object from '?/{PRIVATE}/.*(\.pyc?)'?$", imports, re.MULTILINE)
            assert set(origins) == {".pyc"}
        assert column.files() == before

    def test_host_whose_python_becomes_another_gets_its_bytecode_and_loses_the_old(self, column: Column) -> None:
        column.dnf("install", PACKAGE)
        bytecode = column.tree / PRIVATE / "condor_kvm_stage/__pycache__"
        next(bytecode.glob("failures.*.pyc")).rename(bytecode / "failures.cpython-30.pyc")
        # as RPM does when the package of the file changes that the trigger names
        column.run(["sh", "-c", f"rpm --query --queryformat '%{{FILETRIGGERSCRIPTS}}' {PACKAGE} | sh"])
        assert_compiled(column)

    def test_unit_is_enabled_and_nothing_of_the_builder_is_written(self, installed: Installed) -> None:
        assert installed.column.enabled()
        snippets = installed.column.tree / "etc/condor/config.d"
        assert not [*snippets.glob("*kvm-stage*"), *installed.column.tree.glob(f"run/{PACKAGE}*")]

    def test_host_without_systemd_installs_and_removes_without_a_word(self, column: Column) -> None:
        (column.tree / "usr/bin/systemctl").unlink()
        assert foreign_lines(column.dnf("install", PACKAGE)) == []
        assert column.verify() == ""
        assert foreign_lines(column.dnf("remove", PACKAGE)) == []

    def test_upgrades(self, column: Column) -> None:
        column.dnf("install", _OLDER)
        retired = column.tree / PRIVATE / builds.RETIRED
        assert retired.exists()
        assert foreign_lines(column.dnf("upgrade", PACKAGE)) == []
        assert column.version() == __version__
        assert column.verify() == ""
        assert not retired.parent.exists()
        assert builds.OLDER_POLICY not in (column.tree / POLICY).read_text(encoding="utf-8")
        assert_compiled(column)

    def test_upgrade_leaves_the_sites_policy_and_a_disabled_unit_alone(self, column: Column) -> None:
        column.dnf("install", _OLDER)
        column.run(["systemctl", "disable", PACKAGE])
        (column.tree / POLICY).write_text(_EDITED, encoding="utf-8")
        column.dnf("upgrade", PACKAGE)
        assert (column.tree / POLICY).read_text(encoding="utf-8") == _EDITED
        shipped = (column.tree / POLICY).with_name("config.toml.rpmnew").read_text(encoding="utf-8")
        assert shipped.startswith("#")
        assert builds.OLDER_POLICY not in shipped
        assert not column.enabled()

    def test_downgrades(self, column: Column) -> None:
        column.dnf("install", PACKAGE)
        assert foreign_lines(column.dnf("downgrade", PACKAGE)) == []
        assert column.version() == builds.OLDER
        assert column.verify() == ""
        assert (column.tree / POLICY).read_text(encoding="utf-8").endswith(builds.OLDER_POLICY)
        assert column.enabled()
        assert_compiled(column)

    def test_reinstalls_what_was_lost(self, column: Column) -> None:
        column.dnf("install", PACKAGE)
        (column.tree / PRIVATE / "condor_kvm_stage/failures.py").unlink()
        assert "failures.py" in column.verify()
        assert foreign_lines(column.dnf("reinstall", PACKAGE)) == []
        assert column.verify() == ""
        assert column.enabled()
        assert_compiled(column)

    def test_removal_leaves_nothing(self, column: Column) -> None:
        column.run(["true"])  # a container's own directories
        before = column.files()
        column.dnf("install", PACKAGE)
        assert column.files() != before
        assert foreign_lines(column.dnf("remove", PACKAGE)) == []
        assert column.files() == before

    def test_removal_leaves_nothing_but_the_sites_policy(self, column: Column) -> None:
        column.run(["true"])
        before = column.files()
        column.dnf("install", PACKAGE)
        (column.tree / POLICY).write_text(_EDITED, encoding="utf-8")
        column.dnf("remove", PACKAGE)
        saved = POLICY.with_name("config.toml.rpmsave")
        assert (column.tree / saved).read_text(encoding="utf-8") == _EDITED
        assert column.files().keys() - before.keys() == {str(saved.parent), str(saved)}


def assert_compiled(column: Column) -> None:
    """Assert that each module of the package, and no other, has bytecode of the tree's Python."""
    private = column.tree / PRIVATE
    tag = column.run(["python3", "-c", "import sys; print(sys.implementation.cache_tag)"]).strip()
    modules = {path.relative_to(private) for path in private.rglob("*.py")}
    compiled = {path.relative_to(private) for path in private.rglob("*.pyc")}
    one_file = Path(f"condor_kvm_stage/__pycache__/one_file_of_vm-nfs-plugin.{tag}.pyc")
    assert compiled == {one_file, *(path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc" for path in modules)}
