"""The package for access points: what condor_submit says of VM jobs with it, and that other jobs do not notice it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.install.files import files_of
from testnode import builds, dnf, node, pool, recipe, stages
from testnode.node import Node
from testnode.recipe import Release

PACKAGE = f"{recipe.PACKAGE}-submit"
RULE = "VmJobDisksAreAllowed"
EXAMPLES = Path(__file__).parents[3] / "packaging"
SOUND = {
    "universe": "vm",
    "vm_type": "kvm",
    "executable": "my-virtual-machine",
    "request_memory": "64",
    "request_cpus": "1",
    "request_disk": "1G",
    "transfer_input_files": "nfs:///srv/images/base.qcow2:disk.qcow2",
    "vm_disk": "disk.qcow2:vda:w:qcow2",
    "vm_no_output_vm": "False",
    "hold": "True",
}
MISTAKES = {
    # the form that condor_submit itself recommends
    "a partition": ({"vm_disk": "disk.qcow2:hda1:w"}, "hda1 would be a partition", "write disk.qcow2:vda:w"),
    "Xen's device": ({"vm_disk": "disk.qcow2:xvda:w:qcow2"}, "a device of Xen", "write disk.qcow2:vda:w:qcow2"),
    "an ISO image on virtio": (
        {"vm_disk": "disk.qcow2:vda:w, seed.iso:vdb:r:raw"},
        "vm_disk has 'seed.iso:vdb:r:raw': HTCondor makes a CD-ROM",
        "write seed.iso:sdb:r:raw",
    ),
    "a path": ({"vm_disk": "images/disk.qcow2:vda:w"}, "without their paths", "write disk.qcow2:vda:w"),
    "another format": ({"vm_disk": "disk.vmdk:vda:w:vmdk"}, "the format is 'vmdk'", "qemu-img convert -O qcow2"),
    "the permission": ({"vm_disk": "disk.qcow2:vda:x:qcow2"}, "the permission is 'x'", "write w, or r to only read"),
    "a checkpoint": ({"vm_checkpoint": "True"}, "vm_checkpoint is 'true'", "write vm_checkpoint = False"),
    "more memory than requested": (
        {"vm_memory": "512"},
        "vm_memory = 512 is more than request_memory = 64",
        "write request_memory = 512",
    ),
    "more CPUs than requested": (
        {"vm_vcpus": "4"},
        "vm_vcpus = 4 is more than request_cpus = 1",
        "write request_cpus = 4",
    ),
    "firmware": ({"MY.VMPARAM_Firmware": "uefi"}, "VMPARAM_Firmware is uefi", "with the quotation marks"),
}
VARIANTS = {
    "a CD-ROM": {"vm_disk": "disk.qcow2:vda:w:qcow2, seed.iso:hdc:r:raw"},
    "no format": {"vm_disk": "disk.qcow2:vda:w"},
    "SCSI": {"vm_disk": "disk.qcow2:sda:rw:qcow2,data.raw:sdb:r:raw"},
    "a path that a policy could allow": {"vm_disk": "/srv/disks/own.raw:vda:w:raw"},
    "a network": {"vm_networking": "True", "vm_networking_type": "nat", "vm_macaddr": "52:54:00:12:34:56"},
    "UEFI": {"MY.VMPARAM_Firmware": '"uefi"'},
    "units": {"request_memory": "2G", "request_cpus": "4", "request_disk": "10G"},
}


def submit(access_point: Node, text: str) -> subprocess.CompletedProcess[str]:
    """Let the user submit a job, with the package or without."""
    (access_point.root / "home" / recipe.USER / "job.sub").write_text(text, encoding="utf-8")
    return access_point.run(["condor_submit", "job.sub"], user=recipe.USER, check=False)


def assert_taken_without_a_warning(result: subprocess.CompletedProcess[str]) -> None:
    said = [line for line in result.stderr.splitlines() if not line.startswith("To monitor your job(s), run: ")]
    assert (result.returncode, said) == (0, [])


def text_of(changes: dict[str, str]) -> str:
    return "".join(f"{name} = {value}\n" for name, value in {**SOUND, **changes}.items()) + "queue\n"


def wait_until_schedd(access_point: Node, has: bool) -> None:
    """Wait until the running schedd has the package's rules, or no longer."""
    names = ["condor_config_val", "-schedd", "SUBMIT_REQUIREMENT_NAMES"]
    access_point.wait_until(
        lambda: (RULE in access_point.run(names, check=False).stdout) is has, f"the schedd has the rules: {has}", 30
    )


def install(access_point: Node) -> list[str]:
    said = dnf.foreign_lines(access_point.run(["dnf", "--assumeyes", "install", PACKAGE], timeout=150).stdout)
    wait_until_schedd(access_point, True)
    return said


@pytest.fixture(
    scope="module",
    params=[Release.TESTING, pytest.param(Release.TRIXIE, marks=pytest.mark.full)],
    ids=["HTCondor-25", "HTCondor-23"],
)
def access_point(request: pytest.FixtureRequest) -> Iterator[Node]:
    """A node that has only the package for access points."""
    with node.running(request.param) as started:
        stages.make_bare(started, builds.submit_package())
        home = started.root / "home" / recipe.USER
        for name in ("results.img", "seed.iso", "data.raw"):
            (home / name).write_bytes(bytes(512))
        assert install(started) == []
        yield started
        started.run(["condor_rm", "-all"], check=False)


@pytest.mark.parametrize("name", MISTAKES)
def test_typical_mistake_is_an_error_of_condor_submit_that_says_what_to_write(access_point: Node, name: str) -> None:
    changes, reason, step = MISTAKES[name]
    result = submit(access_point, text_of(changes))
    assert result.returncode == 1
    assert reason in result.stderr
    assert step in result.stderr
    assert "submitted to cluster" not in result.stdout


@pytest.mark.parametrize("name", VARIANTS)
def test_sound_job_is_taken_without_a_warning(access_point: Node, name: str) -> None:
    assert_taken_without_a_warning(submit(access_point, text_of(VARIANTS[name])))


def test_job_that_does_not_request_its_memory_is_taken_with_htcondors_own_warning(access_point: Node) -> None:
    without = text_of({"vm_memory": "64"}).replace("request_memory = 64\n", "")
    result = submit(access_point, without)
    assert result.returncode == 0
    assert "WARNING: request_memory was NOT specified" in result.stderr


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.sub")))
def test_example_is_taken_without_a_warning(access_point: Node, name: str) -> None:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    assert_taken_without_a_warning(submit(access_point, f"hold = True\n{text}"))


def test_job_of_a_factory_is_refused_as_well(access_point: Node) -> None:
    """Late materialization: the schedd makes the jobs later, when nobody would see an error."""
    result = submit(access_point, text_of({"max_materialize": "1", "vm_disk": "disk.qcow2:hda1:w"}))
    assert result.returncode == 1
    assert "hda1 would be a partition" in result.stderr


@pytest.mark.parametrize("universe", ["vanilla", "local", "scheduler"])
def test_job_of_another_universe_runs_whatever_it_says(access_point: Node, universe: str) -> None:
    lines = [
        f"universe = {universe}\nexecutable = /bin/echo\narguments = ran",
        f"output = {universe}.out\nlog = {universe}.log",
        "request_memory = 16\nrequest_cpus = 1\nrequest_disk = 1M\ntransfer_executable = False",
        'MY.VMPARAM_vm_Disk = "hda1"\nMY.JobVMCheckpoint = True\nMY.PreCmd = undefined\nqueue\n',
    ]
    assert pool.run_to_end(access_point, universe, "\n".join(lines)) == ["ran"]


def test_sites_own_requirements_stay(access_point: Node) -> None:
    """Their list is appended to; without one, as in the other tests, it is empty."""
    settings = access_point.root / "etc/condor/config.d/40-site.conf"
    settings.write_text(
        "SUBMIT_REQUIREMENT_NAMES = Site\nSUBMIT_REQUIREMENT_Site = JobPrio < 5\n"
        'SUBMIT_REQUIREMENT_Site_REASON = "the priority of a job is at most 4 here"\n',
        encoding="utf-8",
    )
    access_point.run("condor_reconfig -schedd")
    try:
        access_point.wait_until(
            lambda: "at most 4" in submit(access_point, text_of({"priority": "9"})).stderr, "the site's rule holds", 30
        )
        assert "would be a partition" in submit(access_point, text_of({"vm_disk": "disk.qcow2:hda1:w"})).stderr
        assert submit(access_point, text_of({})).returncode == 0
    finally:
        settings.unlink()
        access_point.run("condor_reconfig -schedd")


def test_removal_leaves_nothing_and_what_was_refused_is_taken_again(access_point: Node) -> None:
    wrong = text_of({"vm_disk": "disk.qcow2:hda1:w"})
    assert submit(access_point, wrong).returncode == 1
    assert access_point.run(["rpm", "--verify", PACKAGE]).stdout == ""
    owned = set(access_point.run(["rpm", "--query", "--list", PACKAGE]).stdout.splitlines())
    assert owned <= files_of(access_point)
    access_point.run(["rpm", "--erase", PACKAGE])
    try:
        wait_until_schedd(access_point, False)
        assert submit(access_point, wrong).returncode == 0
        assert owned & files_of(access_point) == {"/etc/condor", "/etc/condor/config.d"}
        assert access_point.run("systemctl --failed --plain --no-legend").stdout == ""
    finally:
        assert install(access_point) == []


def test_access_point_whose_htcondor_does_not_run_is_installed_without_a_failure(access_point: Node) -> None:
    access_point.run(["rpm", "--erase", PACKAGE])
    access_point.run("systemctl stop condor", timeout=90)
    try:
        output = access_point.run(["dnf", "--assumeyes", "install", PACKAGE], timeout=150).stdout
        assert dnf.foreign_lines(output) == []
        assert access_point.run("systemctl --failed --plain --no-legend").stdout == ""
    finally:
        access_point.run("systemctl start condor", timeout=90)
    wait_until_schedd(access_point, True)
