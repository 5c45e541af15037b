"""The built RPM, read with RPM's own Python binding: what it installs, needs and runs."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import rpm
from package import headers
from package.headers import dependencies

from condor_kvm_stage import __version__
from testnode import builds
from testnode.site import SNIPPET

REPOSITORY = Path(__file__).parents[2]
PRIVATE = "/usr/share/condor-kvm-stage"


@pytest.fixture(scope="module")
def header() -> Any:
    """The header of the package in dist/."""
    return headers.read(builds.built())


@pytest.fixture(scope="module")
def files(header: Any) -> dict[str, Any]:
    """The package's files by name; `mode` holds type and permissions, `fflags` RPM's flags."""
    return {file.name: file for file in rpm.files(header)}


def commands(script: str) -> list[str]:
    """Return the lines of a scriptlet, continued ones joined, without comments."""
    lines = script.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if not line.lstrip().startswith("#")]


def test_one_package_for_every_architecture_with_the_version_of_the_sources(header: Any) -> None:
    assert (header["name"], header["version"], header["arch"]) == ("condor-kvm-stage", __version__, "noarch")
    assert header["license"] == "Apache-2.0"


@pytest.mark.parametrize(
    "name",
    [
        "/usr/local/bin/vm-nfs-plugin",
        "/usr/bin/condor-kvm-stage-shell",
        "/usr/sbin/condor-kvm-stage-genconfig",
        "/usr/sbin/condor-kvm-stage-status",
    ],
)
def test_programs_are_executable_by_all_and_writable_by_root_only(files: dict[str, Any], name: str) -> None:
    assert files[name].mode == stat.S_IFREG | 0o755
    assert (files[name].user, files[name].group) == ("root", "root")


def test_every_module_and_what_is_read_as_data_are_in_the_private_directory(files: dict[str, Any]) -> None:
    sources = REPOSITORY / "src"
    expected = {f"{PRIVATE}/python/{path.relative_to(sources)}" for path in sources.rglob("*.py")}
    expected |= {f"{PRIVATE}/config.d/50-condor-kvm-stage.conf.j2", f"{PRIVATE}/kvm-stage.cpf"}
    found = {name for name, file in files.items() if name.startswith(PRIVATE) and stat.S_ISREG(file.mode)}
    assert found == expected
    assert {files[name].mode for name in found} == {stat.S_IFREG | 0o644}


def test_package_owns_every_directory_that_it_makes(files: dict[str, Any]) -> None:
    for name in files:
        if name.startswith(PRIVATE + "/"):
            assert files[str(Path(name).parent)].mode == stat.S_IFDIR | 0o755


def test_nothing_depends_on_the_python_that_built_the_package(header: Any, files: dict[str, Any]) -> None:
    assert not [name for name in files if "site-packages" in name or name.endswith(".pyc")]
    assert not [name for name in dependencies(header, "requires") if name.startswith("python(abi)")]


def test_each_directory_of_modules_has_one_for_the_bytecode_that_goes_with_the_package(files: dict[str, Any]) -> None:
    of_modules = {str(Path(name).parent) for name in files if name.endswith(".py")}
    assert {name for name in files if name.endswith("/__pycache__")} == {f"{name}/__pycache__" for name in of_modules}


def test_generated_snippet_is_owned_but_not_in_the_package(files: dict[str, Any]) -> None:
    assert files[SNIPPET].fflags & rpm.RPMFILE_GHOST


def test_requirements_are_these_and_no_more(header: Any) -> None:
    assert dependencies(header, "requires") == {
        "/bin/sh",
        "/usr/bin/python3",
        "findutils",
        "python3 >= 3.9",
        "(python3-jinja2 or python3-Jinja2)",
        "(python3-tomli if python3 < 3.11)",
        "(qemu-img or qemu-tools)",
        "(qemu-kvm-core or qemu-x86 or qemu-arm or qemu-kvm)",
        "libvirt-daemon-driver-qemu",
        "/usr/bin/virsh",
        "(condor-vm-gahp if condor)",
    }
    assert dependencies(header, "recommends") == {"passt", "libvirt-daemon-config-network", "virtiofsd", "xorriso"}


def test_what_the_generator_finds_at_installation_is_installed_before(header: Any) -> None:
    """RPM does not order by recommendations, nor by what is required only if something else is there."""
    assert dependencies(header, "recommends") | {"condor", "condor-vm-gahp", "systemd"} == set(header["ordername"])


@pytest.mark.parametrize("scriptlet", ["postin", "preun", "postun"])
def test_scriptlets_never_fail_and_act_only_where_a_system_runs(header: Any, scriptlet: str) -> None:
    script = header[scriptlet]
    assert header[f"{scriptlet}prog"] == ["/bin/sh"]
    assert script.rstrip().endswith("exit 0")
    running = script.index('[ "${state:-offline}" != offline ]')
    for line in commands(script[:running]):
        assert not line.startswith(("systemctl daemon-reload", "systemctl stop", "systemd-run")), line
        assert "--apply" not in line
    harmless = ("systemd-run", "if command -v ")
    hanging = [line for line in commands(script) if "condor_" in line and not line.startswith(harmless)]
    assert hanging == [], "it hangs without a network, which rpm's unshare plug-in takes away"


def test_unit_is_enabled_once_by_preset_and_disabled_at_the_end(header: Any, files: dict[str, Any]) -> None:
    assert (
        'if [ "$1" -eq 1 ] && [ -x /usr/bin/systemctl ]; then\n    systemctl --no-reload --quiet preset'
        in (header["postin"])
    )
    assert "/usr/lib/systemd/system-preset/50-condor-kvm-stage.preset" in files
    assert "systemctl --no-reload --quiet disable" in header["preun"].split('if [ "$1" -eq 0 ]; then', 1)[1]


def test_there_are_no_other_scriptlets(header: Any) -> None:
    scripts = ["prein", "postin", "preun", "postun", "pretrans", "posttrans", "verifyscript"]
    triggers = ["triggerscripts", "filetriggerscripts", "transfiletriggerscripts"]
    assert [name for name in [*scripts, *triggers] if header[name]] == [
        "postin",
        "preun",
        "postun",
        "posttrans",
        "filetriggerscripts",
    ]


def test_modules_are_compiled_after_the_old_ones_are_gone_and_when_python_becomes_another(header: Any) -> None:
    script = header["posttrans"]
    assert all(line.endswith("|| :") for line in commands(script))
    assert "-IBm compileall" in script
    assert header["filetriggerscripts"] == [f"# The host's Python has changed\n{script}"]
    assert header["filetriggername"] == ["/usr/bin/python3"]


def test_policy_is_configuration_that_an_upgrade_does_not_replace(files: dict[str, Any]) -> None:
    policy = files["/etc/condor-kvm-stage/config.toml"]
    assert policy.fflags & rpm.RPMFILE_CONFIG
    assert policy.fflags & rpm.RPMFILE_NOREPLACE
    assert policy.mode == stat.S_IFREG | 0o644, "the plug-in reads it as the job's user"


def test_every_manual_page_is_where_man_looks(files: dict[str, Any]) -> None:
    of_access_points = "condor-kvm-stage-submit.7"
    sources = {path.stem for path in (REPOSITORY / "packaging/man").glob("*.rst")} - {of_access_points}
    expected = {f"/usr/share/man/man{name[-1]}/{name}" for name in sources}
    assert {name.removesuffix(".gz") for name in files if "/man/" in name} == expected


def test_completions_are_where_bash_looks_under_the_names_of_the_programs(files: dict[str, Any]) -> None:
    names = [name for name in files if "completion" in name and stat.S_ISREG(files[name].mode)]
    programs = ("condor-kvm-stage-genconfig", "condor-kvm-stage-status")
    assert sorted(names) == [f"/usr/share/bash-completion/completions/{program}" for program in programs]
    for name in names:
        assert f"/usr/sbin/{Path(name).name}" in files
        assert files[name].mode == stat.S_IFREG | 0o644


def test_timer_of_the_metrics_is_there_and_disabled(header: Any, files: dict[str, Any]) -> None:
    for unit in ("condor-kvm-stage-metrics.timer", "condor-kvm-stage-metrics.service"):
        assert files[f"/usr/lib/systemd/system/{unit}"].mode == stat.S_IFREG | 0o644
    preset = (REPOSITORY / "packaging/condor-kvm-stage.preset").read_text(encoding="utf-8")
    assert "disable condor-kvm-stage-metrics.timer" in preset.splitlines()
    assert "metrics" not in header["postin"]
    assert "condor-kvm-stage-metrics.timer" in header["preun"].split("disable", 1)[1]


def test_licence_readme_and_example_are_marked_as_such(files: dict[str, Any]) -> None:
    kinds = {Path(name).name: file.fflags for name, file in files.items()}
    assert kinds["LICENSE"] & rpm.RPMFILE_LICENSE
    assert kinds["README.md"] & kinds["vm-job.sub"] & rpm.RPMFILE_DOC
