"""The RPM for access points: small, without dependencies, beside that for workers or alone."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import rpm
from package import headers
from package.headers import dependencies

from condor_kvm_stage import __version__
from submitrules import snippet
from testnode import builds

REPOSITORY = Path(__file__).parents[2]
RULES = "/etc/condor/config.d/50-condor-kvm-stage-submit.conf"


@pytest.fixture(scope="module")
def header() -> Any:
    return headers.read(builds.submit_package())


@pytest.fixture(scope="module")
def files(header: Any) -> dict[str, Any]:
    return {file.name: file for file in rpm.files(header)}


def test_one_package_for_every_architecture_that_needs_no_other(header: Any) -> None:
    assert (header["name"], header["version"], header["arch"]) == ("condor-kvm-stage-submit", __version__, "noarch")
    assert dependencies(header, "requires") == {"/bin/sh"}
    assert dependencies(header, "recommends") == dependencies(header, "conflicts") == set()


def test_rules_are_those_of_the_sources(tmp_path: Path) -> None:
    with builds.submit_package().open("rb") as package:
        unpacked = subprocess.run(["rpm2archive", "-"], check=True, stdin=package, capture_output=True, timeout=60)
    subprocess.run(
        ["tar", "--extract", "--gzip", "--directory", tmp_path], check=True, input=unpacked.stdout, timeout=60
    )
    assert (tmp_path / RULES.lstrip("/")).read_text(encoding="utf-8") == snippet.render()


def test_upgrade_replaces_the_rules_and_keeps_what_was_edited(files: dict[str, Any]) -> None:
    """Those of another version could refuse what the nodes let in."""
    assert files[RULES].mode == stat.S_IFREG | 0o644
    assert files[RULES].fflags & rpm.RPMFILE_CONFIG
    assert not files[RULES].fflags & rpm.RPMFILE_NOREPLACE


def test_every_example_is_documentation_and_so_is_the_users_page(files: dict[str, Any]) -> None:
    documents = {name: file for name, file in files.items() if file.fflags & rpm.RPMFILE_DOC}
    documentation = {Path(name).name for name, file in documents.items() if stat.S_ISREG(file.mode)}
    examples = {path.name for path in (REPOSITORY / "packaging").glob("*.sub")}
    recipe = {path.name for path in (REPOSITORY / "packaging/guest-image").rglob("*") if path.is_file()}
    pages = {"condor-kvm-stage-submit.7.gz", "guest-image.md"}
    assert documentation == {*examples, *recipe, *pages}


def test_no_file_but_htcondors_directories_is_in_the_package_for_workers_too(files: dict[str, Any]) -> None:
    of_workers = {file.name for file in rpm.files(headers.read(builds.built()))}
    assert of_workers & set(files) == {"/etc/condor", "/etc/condor/config.d"}


def test_scriptlets_reconfigure_only_the_schedd_and_never_fail(header: Any) -> None:
    for script in (header["postin"], header["postun"]):
        assert script.rstrip().endswith("exit 0")
        assert "condor_reconfig -schedd || :" in script.replace("\\\n            ", "")
        assert script.count("condor_") == 2
        assert script.index('[ "${state:-offline}" != offline ]') < script.index("condor_")
    assert 'if [ "$1" -eq 0 ]' in header["postun"]
    others = ["prein", "preun", "pretrans", "posttrans", "verifyscript", "triggerscripts", "filetriggerscripts"]
    assert [name for name in others if header[name]] == []
