"""Guests that boot by UEFI: from each kind of disk, with the node's firmware, and variables that are the job's alone.

Where KVM cannot run the firmware, QEMU emulates the processor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.domain import scene
from testnode import guest, jobs, linux_guest, pool, recipe
from testnode.node import Node
from testnode.recipe import Release

pytestmark = pytest.mark.guest

BASE = "/srv/images/uefi.qcow2"
EMULATED = "/srv/emulated.sh"
# Nobody reads these
IGNORED = '+VMPARAM_NVRAM = "/etc/shadow"\n+VMPARAM_Loader = "/etc/shadow"\n+VMPARAM_NVRAM_Template = "/etc/shadow"\n'
JOB = jobs.VM_JOB.replace(jobs.BASE, BASE).replace("\nqueue\n", f'\nMY.VMPARAM_Firmware = "uefi"\n{IGNORED}queue\n')
DEVICES = {"virtio": "vda", "scsi": "sda", "sata": "hda"}
SAYS = ["hello from the UEFI guest", "variable set, powering off"]
VARIABLE = "CondorKvmStage".encode("utf-16-le")
# What the job's user tries with a file of variables
ATTEMPTS = (["ln", "--symbolic", "--force", "/etc/shadow"], ["mv", "--force", "spare"], ["rm", "--force"])


@dataclass(frozen=True)
class Ended:
    """The node, when the jobs have ended. states: owner, mode and links of the files of variables, as they were seen.

    succeeded: what another than root could do with these files. left: what was on the node after, and not before.
    clusters: by the names in DEVICES.
    """

    node: Node
    states: set[str]
    succeeded: list[str]
    left: set[str]
    clusters: dict[str, int]


def submit(node: Node, name: str, device: str) -> int:
    """Submit a job from a directory of its own."""
    node.run(["mkdir", f"{scene.HOME}/{name}"], user=recipe.USER)
    lines = f"initialdir = {scene.HOME}/{name}\nlog = {scene.HOME}/{name}.log\nrequest_disk = 64M\nqueue\n"
    return pool.submit(node, f"{name}.sub", JOB.replace(":vda:", f":{device}:").replace("\nqueue\n", f"\n{lines}"))


def variables(node: Node) -> dict[str, str]:
    """Return owner, mode and number of names of the files of variables, by path."""
    found = node.run(["find", scene.EXECUTE, "-name", ".nvram", "-printf", "%p\t%u %m %n\n"], check=False).stdout
    return dict(line.split("\t") for line in found.splitlines())


def kept(node: Node) -> set[str]:
    """Return the paths of all that looks like variables of UEFI's, and of what libvirt and jobs have on disk."""
    where = ["(", "-path", "/var/lib/libvirt/*", "-o", "-path", f"{scene.EXECUTE}/*", "-o"]
    names = ["-iname", "*nvram*", "-o", "-iname", "*vars*.fd", ")"]
    return set(node.run(["find", "/", "/run", "/tmp", "-xdev", *where, *names]).stdout.splitlines())


def attack(node: Node, path: str) -> Iterator[str]:
    """Yield what could be done with a file of variables: by the job's user, and by another."""
    for attempt in ATTEMPTS:
        if node.run([*attempt, path], user=recipe.USER, check=False).returncode == 0:
            yield " ".join(attempt)
    if node.run(["runuser", "--user", "nobody", "--", "cat", path], check=False).returncode == 0:
        yield "read by another user"


def prepare(node: Node) -> None:
    guest.write_uefi_base(node.root / BASE.lstrip("/"), "qcow2")
    script = node.root / EMULATED.lstrip("/")
    script.write_text((scene.HERE / "emulated.sh").read_text(encoding="utf-8"), encoding="utf-8")
    script.chmod(0o755)
    node.run(["touch", "spare"], user=recipe.USER)


@pytest.fixture(scope="module", params=[Release.TESTING, pytest.param(Release.TRIXIE, marks=pytest.mark.full)])
def ended(request: pytest.FixtureRequest) -> Iterator[Ended]:
    script = "" if linux_guest.runs_on_kvm() else f"LIBVIRT_XML_SCRIPT = {EMULATED}\n"
    with scene.busy_node(request.param, script) as node:
        prepare(node)
        before = kept(node)
        clusters = {name: submit(node, name, device) for name, device in DEVICES.items()}
        states: set[str] = set()

        def written() -> bool:
            found = variables(node)
            states.update(found.values())
            contents = [(node.root / path.lstrip("/")).read_bytes() for path in found]
            return len(found) == len(DEVICES) and all(VARIABLE in content for content in contents)

        node.wait_until(written, "each guest has set its variable", 120)
        succeeded = [done for path in variables(node) for done in attack(node, path)]
        states.update(variables(node).values())
        for name in DEVICES:
            pool.wait_for_end(node, f"{name}.log", 180)
        node.wait_until(lambda: not variables(node), "the scratch directories are gone", 30)
        yield Ended(node, states, succeeded, kept(node) - before, clusters)


@pytest.mark.parametrize("name", DEVICES)
def test_guest_boots_by_uefi(ended: Ended, name: str) -> None:
    home = ended.node.root / scene.HOME.lstrip("/") / name
    assert (home / "console.log").read_text(encoding="utf-8").splitlines()[-2:] == SAYS
    assert {path.name for path in home.iterdir()} == {"disk.qcow2", "console.log"}


@pytest.mark.parametrize("name", DEVICES)
def test_firmware_is_the_nodes_and_variables_are_in_the_private_directory(ended: Ended, name: str) -> None:
    (log,) = scene.logs(ended.node, ended.clusters[name])
    arguments = log.read_text(encoding="utf-8")
    code, flash = re.findall(r'"filename":"([^"]*)","node-name":"libvirt-pflash\d-storage"', arguments)
    assert code.startswith("/usr/share/OVMF/")
    assert re.fullmatch(rf"{scene.EXECUTE}/dir_\d+(/scratch)?\.condor-kvm-stage/\.nvram", flash)
    assert "/etc/" not in arguments
    assert " -bios" not in arguments


def test_variables_are_readable_by_their_owner_only(ended: Ended) -> None:
    owners, modes, names = zip(*(state.split() for state in ended.states))
    assert set(owners) <= {recipe.USER, "libvirt-qemu"}, "the job's, while QEMU runs; then again of who made it"
    assert (set(modes), set(names)) == ({"600"}, {"1"})


def test_nobody_can_replace_the_variables_and_no_other_user_can_read_them(ended: Ended) -> None:
    assert ended.succeeded == []


def test_nothing_is_left(ended: Ended) -> None:
    assert ended.left == set()


def test_node_without_firmware_says_so_and_refuses_the_job(ended: Ended) -> None:
    node = ended.node
    packages = node.run(["dpkg-query", "--show", "--showformat=${Package} ", "ovmf*"]).stdout.split()
    node.run(["dpkg", "--remove", *packages])
    node.run("condor-kvm-stage-genconfig --apply", timeout=90)
    verdict = node.run("condor-kvm-stage-genconfig --check", check=False).stdout
    assert re.search("^note +libvirt uefi: there is no UEFI firmware for virtual machines", verdict, re.MULTILINE)
    held = pool.run_to_hold(node, "refused", JOB)
    assert "the job wants UEFI (VMPARAM_Firmware), and this node has no firmware for it" in held["HoldReason"]
    assert pool.slot_ad(node)["HasVM"] is True
