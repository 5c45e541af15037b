"""`dnf install` on a real worker: what the node has and advertises afterwards, and after `dnf remove`."""

from __future__ import annotations

import re

import pytest

from condor_kvm_stage import __version__
from testnode import pool, site
from testnode.node import Node
from testnode.site import SNIPPET
from testnode.stages import Installed


def test_installed_files_are_what_the_package_says(installed: Installed) -> None:
    # But for their times: other tests of this node change some for a while
    verified = installed.node.run("rpm --verify --nomtime condor-kvm-stage", check=False)
    assert verified.stdout == ""


def test_node_advertises_nfs_and_all_the_methods_it_had_before(installed: Installed) -> None:
    assert installed.bare.methods >= {"https", "file"}
    assert pool.transfer_methods(installed.node) == installed.bare.methods | {"nfs"}


def test_installation_prints_no_error(installed: Installed) -> None:
    words = installed.output.lower()
    assert "warning" not in words
    assert "fail" not in words


def test_snippet_holds_what_the_generator_renders(installed: Installed) -> None:
    rendered = installed.node.run("condor-kvm-stage-genconfig --stdout").stdout
    assert installed.node.run(["cat", SNIPPET]).stdout == rendered
    assert installed.node.run("condor-kvm-stage-genconfig --write").stdout.startswith(f"{SNIPPET} is up to date\n")
    assert installed.node.run("condor-kvm-stage-genconfig --diff").stdout == ""


def test_htcondor_reads_the_settings(installed: Installed) -> None:
    value = installed.node.run("condor_config_val FILETRANSFER_PLUGINS").stdout
    assert value.rstrip().endswith(", /usr/local/bin/vm-nfs-plugin")


def test_slot_advertises_what_the_generator_found_of_the_image_directories(installed: Installed) -> None:
    node = installed.node
    with site.policy(node, '[staging]\nimage_dirs = ["/srv/images", "/srv/elsewhere"]\n'):
        node.run("condor-kvm-stage-genconfig --apply")

    def advertised() -> tuple[object, ...]:
        slot = pool.slot_ad(node)
        names = ("NfsPluginVersion", "NfsPluginImageDirs", "NfsPluginImageDirsFailed")
        return tuple(slot.get(name) for name in names)

    wanted = (__version__, "/srv/images", "/srv/elsewhere")
    node.wait_until(lambda: advertised() == wanted, f"the slot advertises {wanted}", 60)
    # as found, not as it is: the query does not look
    node.run("mv /srv/images /srv/away")
    try:
        found = node.run("/usr/local/bin/vm-nfs-plugin -classad").stdout
    finally:
        node.run("mv /srv/away /srv/images")
    assert 'NfsPluginImageDirs = "/srv/images"' in found


def test_boot_finds_anew_what_the_host_has(installed: Installed) -> None:
    """The unit that runs before HTCondor at each boot, as if there were nothing of the last one."""
    node = installed.node
    assert node.run("systemctl is-enabled condor-kvm-stage").stdout == "enabled\n"
    assert "condor.service" in node.run("systemctl show --property=Before --value condor-kvm-stage").stdout
    snippet = node.run(["cat", SNIPPET]).stdout
    node.run(["rm", "-rf", SNIPPET, "/run/condor-kvm-stage"])
    with site.policy(node, '[staging]\nimage_dirs = ["/srv/images"]\n'):
        node.run("systemctl restart condor-kvm-stage")
    assert node.run(["cat", SNIPPET]).stdout == snippet
    assert 'NfsPluginImageDirs = "/srv/images"' in node.run("/usr/local/bin/vm-nfs-plugin -classad").stdout
    node.run("systemctl restart condor-kvm-stage")
    assert "NfsPluginImageDirs" not in node.run("/usr/local/bin/vm-nfs-plugin -classad").stdout
    assert node.run("systemctl --failed --plain --no-legend").stdout == ""


def test_unit_waits_for_what_htcondors_own_unit_waits_for(installed: Installed) -> None:
    """Shares of autofs, users of sssd: what is not there yet when the unit looks, the node does not have."""

    def after(unit: str) -> set[str]:
        return set(installed.node.run(f"systemctl show --property=After --value {unit}").stdout.split())

    assert {"autofs.service", "network-online.target"} <= after("condor.service")
    assert after("condor.service") - {"condor-kvm-stage.service"} <= after("condor-kvm-stage.service")


def test_check_says_what_is_wrong_with_the_policy(installed: Installed) -> None:
    with site.policy(installed.node, "[staging]\ntimeout = soon\n"):
        result = installed.node.run("condor-kvm-stage-genconfig --check", check=False)
    assert result.returncode == 1
    (line,) = [line for line in result.stdout.splitlines() if line.split()[1:3] == ["images", "policy:"]]
    assert line.startswith("fail")
    assert "the site's policy /etc/condor-kvm-stage/config.toml is broken: " in line


@pytest.mark.parametrize(
    "page",
    [
        "vm-nfs-plugin.1",
        "condor-kvm-stage.7",
        "condor-kvm-stage-config.toml.5",
        "condor-kvm-stage-domain.8",
        "condor-kvm-stage-genconfig.8",
        "condor-kvm-stage-shell.1",
        "condor-kvm-stage-status.8",
    ],
)
def test_manual_pages_are_installed(installed: Installed, page: str) -> None:
    assert ".TH" in installed.node.run(f"zcat /usr/share/man/man{page[-1]}/{page}.gz").stdout


@pytest.mark.guest
def test_check_finds_a_node_that_can_run_vm_jobs(installed: Installed) -> None:
    result = installed.node.run("condor-kvm-stage-genconfig --check")
    assert result.stdout.splitlines()[-1].startswith("This node can run VM jobs")


def test_check_names_what_is_missing_and_the_next_step(installed: Installed) -> None:
    installed.node.run("mv /usr/sbin/condor_vm-gahp /usr/sbin/condor_vm-gahp.away")
    try:
        result = installed.node.run("condor-kvm-stage-genconfig --check", check=False)
    finally:
        installed.node.run("mv /usr/sbin/condor_vm-gahp.away /usr/sbin/condor_vm-gahp")
    assert result.returncode == 1
    found = "fail  htcondor vm-gahp: no program condor_vm-gahp"
    assert f"\n{found}\n      -> dnf install condor-vm-gahp\n" in result.stdout


@pytest.mark.guest
def test_startd_offers_vm_universe_with_the_generators_memory(worker: Node) -> None:
    (memory,) = re.findall(r"^VM_MEMORY = (\d+)$", worker.run(["cat", SNIPPET]).stdout, re.MULTILINE)

    def offers_all() -> bool:
        slot = pool.slot_ad(worker)
        return (slot["HasVM"], slot["VM_Type"], slot["VM_Memory"]) == (True, "kvm", int(memory))

    # which takes a while if the last job of another test has just ended
    worker.wait_until(offers_all, f"the slot offers VM universe with {memory} MiB", 90)
