"""A node with modular daemons: the package by dnf, --check, --apply, jobs of each kind, and what the filter does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from condor_kvm_stage import installed as package
from e2e.check.verdicts import check
from e2e.gahp import start_causes
from e2e.gahp import worker as gahp
from e2e.gahp.worker import LONG, MINUTE
from e2e.modular import worker as modular
from testnode import dnf, evidence, guest, jobs, pool, recipe, site
from testnode.node import Node
from testnode.stages import Installed

pytestmark = [pytest.mark.guest, pytest.mark.full, pytest.mark.timeout(3600)]  # the first may build libvirt

PRIVATE, RESULTS = "/srv/private", "/srv/results"
POLICY = f'[staging]\nimage_dirs = ["/srv/images", "{PRIVATE}"]\noutput_dirs = ["{RESULTS}"]\n'
UPLOAD = f'transfer_output_remaps = "disk.qcow2 = nfs://{RESULTS}/result.qcow2?standalone=yes"'


@dataclass(frozen=True)
class Ended:
    """The node on which all jobs have ended, their clusters and last ads, by name. tap: of the guest with nat."""

    node: Node
    clusters: dict[str, int]
    ads: dict[str, pool.Ad]
    tap: str


@pytest.fixture(scope="module")
def ended(node: Node) -> Iterator[Ended]:
    node.run(["mkdir", "--mode=1777", RESULTS])
    node.run(["install", "--directory", "--mode=711", f"--owner={recipe.USER}", PRIVATE])
    node.run(["install", "--mode=600", f"--owner={recipe.USER}", jobs.BASE, f"{PRIVATE}/base.qcow2"])
    with site.policy(node, POLICY):
        clusters = {
            "example": gahp.submit(node, "example", jobs.BASE),
            "nat": gahp.submit(node, "nat", MINUTE, *modular.NAT),
            "private": gahp.submit(node, "private", f"{PRIVATE}/base.qcow2", UPLOAD),
            "destroyed": gahp.submit(node, "destroyed", LONG),
        }
        gahp.wait_for_ready(node, clusters["destroyed"])
        gahp.wait_for_guest(node, clusters["nat"], 90)
        tap = node.run("ip -oneline link show master virbr0").stdout
        node.run(["virsh", "--connect", "qemu:///system", "destroy", gahp.domain(clusters["destroyed"])])
        ads = {name: gahp.end(node, cluster, name, 240) for name, cluster in clusters.items()}
        yield Ended(node, clusters, ads, tap)


def test_node_has_none_of_the_monolithic_daemon(node: Node) -> None:
    assert node.run(["find", "/usr/sbin", "/usr/lib/systemd", "/etc/systemd", "-name", "libvirtd*"]).stdout == ""


def test_installation_starts_the_sockets_that_would_listen_after_a_boot(installation: Installed) -> None:
    said = dnf.foreign_lines(installation.output)
    assert any("HasVM = true" in line for line in said), said
    assert not any("fail" in line.lower() or "timed out" in line for line in said), said
    assert modular.states(installation.node, *modular.SOCKETS) == ["active", "active"]
    assert installation.node.run("systemctl --failed --plain --no-legend").stdout == ""


def test_slot_offers_the_network_that_libvirt_has(node: Node) -> None:
    """It starts with virtnetworkd, which starts when it is asked."""
    assert pool.slot_ad(node)["VM_Networking_Types"] == "nat"


def test_check_finds_nothing_wrong(node: Node) -> None:
    result = check(node)
    assert result.failed == set()
    libvirt = {name: level for name, level in result.levels.items() if name.startswith("libvirt ")}
    assert set(libvirt.values()) == {"ok"}, result.found
    assert result.found["libvirt daemon"] == "libvirt 11.3.0 listens (virtqemud)"


def test_applying_again_changes_nothing(node: Node) -> None:
    before = (node.root / site.SNIPPET.lstrip("/")).read_text(encoding="utf-8")
    said = node.run("condor-kvm-stage-genconfig --apply", timeout=150).stdout
    assert "wrote" not in said, said
    assert (node.root / site.SNIPPET.lstrip("/")).read_text(encoding="utf-8") == before


@pytest.mark.parametrize("name", ["example", "nat", "private"])
def test_job_ends_well(ended: Ended, name: str) -> None:
    ad = ended.ads[name]
    assert (ad["ExitCode"], ad["NumJobStarts"]) == (0, 1), ad.get("ChirpGuestProblem")
    assert gahp.returned(ended.node, name) == {"console.log"} | ({"disk.qcow2"} if name != "private" else set())


def test_guest_with_nat_is_on_the_bridge_of_the_default_network(ended: Ended) -> None:
    assert "vnet" in ended.tap


def test_disk_of_a_private_image_is_uploaded_whole(ended: Ended) -> None:
    (image,) = evidence.backing_chain(ended.node, f"{RESULTS}/result.qcow2")
    assert image["format"] == "qcow2"
    assert ended.node.run(["stat", "--format=%U", f"{RESULTS}/result.qcow2"]).stdout == f"{recipe.USER}\n"
    written = evidence.disk_content(ended.node, f"{RESULTS}/result.qcow2")
    assert guest.pattern_sector(written).startswith(guest.PATTERN)


def test_images_have_not_changed(ended: Ended, installation: Installed) -> None:
    stat = ["stat", "--format=%U:%G %a", jobs.BASE, f"{PRIVATE}/base.qcow2"]
    assert ended.node.run(stat).stdout == f"root:root 644\n{recipe.USER}:root 600\n"
    for path in (jobs.BASE, f"{PRIVATE}/base.qcow2"):
        assert evidence.sha256(ended.node, path) == installation.bare.base_sha256


def test_job_ends_with_its_guest_and_its_exit_status_says_how(ended: Ended) -> None:
    assert ended.ads["destroyed"]["ExitCode"] == 75
    assert "destroyed on the node" in ended.ads["destroyed"]["ChirpGuestProblem"]


def test_start_that_fails_by_its_users_fault_costs_the_job_alone(ended: Ended) -> None:
    cause = start_causes.CAUSES["killed by its user"]
    with cause.disturbance(ended.node):
        job = gahp.submit(ended.node, "killed", LONG)
        ad = pool.wait_for_hold(ended.node, job, 360)
    assert cause.words in ad["HoldReason"]
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == (gahp.STARTD_HELD_JOB, package.HOLD_SUBCODE)
    ended.node.run(["condor_rm", str(job)])
    assert gahp.has_vm(ended.node) == {True}


def test_libvirt_that_is_dead_takes_vm_universe_away_until_it_is_back(ended: Ended) -> None:
    node = ended.node
    modular.stop(node)
    job = gahp.submit(node, "dead", LONG)
    node.wait_until(lambda: gahp.has_vm(node) == {False}, "HasVM is false", 180)
    gahp.wait_for_status(node, job, pool.IDLE)
    node.run(["systemctl", "start", *modular.SOCKETS])
    node.wait_until(lambda: gahp.has_vm(node) == {True}, "HasVM is true again", 120)
    gahp.wait_for_guest(node, job, 90)
    gahp.remove(node, job)


def test_nothing_is_left_of_the_jobs(ended: Ended) -> None:
    gahp.wait_for_quiet(ended.node)
    assert ended.node.run("virsh --connect qemu:///system list --all --name").stdout.split() == []
