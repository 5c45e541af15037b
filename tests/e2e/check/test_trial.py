"""--check starts a guest as a job's would: it finds what keeps guests from starting, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator

import pytest

from e2e.apply.worker import APPLY, APPLY_WITHOUT_NETWORK
from e2e.check.verdicts import CHECK, IMAGE_DIRS, Result, check
from testnode import jobs, pool, recipe, site, stages
from testnode.node import Node

pytestmark = pytest.mark.guest

TRIAL = "libvirt trial"
EXECUTE = "/var/lib/condor/execute"
WRITE = "condor-kvm-stage-genconfig --write"
BRIDGE = '[network]\ntypes = ["bridge"]\nbridge = "br9"\n'
# An access control list that denies /dev/kvm to one user; its mode stays that of a device that is open to all
DENY = """
import os, struct, sys
entries = [(1, 6, -1), (2, 0, int(sys.argv[1])), (4, 6, -1), (16, 6, -1), (32, 6, -1)]
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
os.setxattr("/dev/kvm", "system.posix_acl_access", acl)
"""
ALLOW = 'import os; os.removexattr("/dev/kvm", "system.posix_acl_access")'


def step(worker: Node) -> str:
    """Return what to do next if the trial fails, for a shell."""
    (found,) = [
        verdict
        for verdict in json.loads(worker.run(f"{CHECK} --json", check=False).stdout)["checks"]
        if f"{verdict['group']} {verdict['name']}" == TRIAL
    ]
    return str(found["next_step"])


def traces(worker: Node) -> list[str]:
    """Return what a trial can leave: files, guests, processes."""
    places = [EXECUTE, "/run/condor-kvm-stage", "/run/libvirt/qemu", "/var/log/libvirt/qemu", "/var/lib/libvirt/qemu"]
    files = worker.run(["find", *places, "-name", "*trial*"]).stdout.splitlines()
    guests = worker.run("virsh list --all --name").stdout.split()
    processes = worker.run(["pgrep", "--list-full", "--full", "build-domain.*--try-node"], check=False)
    return [*files, *guests, *processes.stdout.splitlines()]


@pytest.fixture(autouse=True)
def _nothing_is_left(own: Node) -> Iterator[None]:
    assert traces(own) == []
    yield
    own.wait_until(lambda: traces(own) == [], "the trial leaves nothing", 60)


@contextlib.contextmanager
def offered(worker: Node, policy: str) -> Iterator[None]:
    """Let the node offer what the policy says, until the context ends."""
    try:
        with site.policy(worker, policy):
            worker.run(WRITE)
            yield
    finally:
        worker.run(WRITE)


def test_guest_gets_an_overlay_of_an_image(own: Node) -> None:
    with site.policy(own, IMAGE_DIRS):
        result = check(own)
    assert result.levels[TRIAL] == "ok", result.found[TRIAL]
    assert f"with an overlay of {jobs.BASE} in EXECUTE" in result.found[TRIAL]


def failing(result: Result) -> str:
    assert (result.status, result.failed) == (1, {TRIAL})
    return result.found[TRIAL]


def test_bridge_that_is_gone_is_a_failure(own: Node) -> None:
    own.run("ip link add br9 type bridge")
    own.run("ip link set br9 up")
    with offered(own, BRIDGE):
        assert check(own).levels[TRIAL] == "ok"
        own.run("ip link delete br9")
        assert "with the network bridge: Cannot get interface MTU on 'br9'" in failing(check(own))


@pytest.mark.parametrize(
    ("broken", "words"),
    [("ip link delete virbr0", "interface MTU on 'virbr0'"), ("virsh net-destroy default", "is not active")],
)
def test_network_that_is_gone_is_a_failure_until_the_next_step_is_done(own: Node, broken: str, words: str) -> None:
    own.run("virsh net-start default")
    with contextlib.ExitStack() as stack:
        stack.enter_context(offered(own, '[network]\ntypes = ["nat"]\n'))
        stack.callback(own.run, "virsh net-destroy default")
        assert check(own).levels[TRIAL] == "ok"
        own.run(broken)
        assert words in failing(check(own))
        own.run(["sh", "-ec", step(own)])
        assert check(own).levels[TRIAL] == "ok"
        own.run("virsh net-autostart --disable default")


def test_execute_that_the_users_of_jobs_cannot_search_is_a_failure_until_the_next_step_is_done(own: Node) -> None:
    own.run(["chmod", "700", EXECUTE])
    assert f"cannot search {EXECUTE} (mode 0700)" in failing(check(own))
    own.run(["sh", "-ec", step(own)])
    assert check(own).levels[TRIAL] == "ok"
    own.run(["chmod", "755", EXECUTE])


@pytest.mark.parametrize("files", [1, 5])
def test_full_execute_is_a_failure_in_words(own: Node, files: int) -> None:
    own.run(["mount", "-t", "tmpfs", "-o", f"mode=755,nr_inodes={files}", "tmpfs", EXECUTE])
    try:
        own.run(["chown", "condor:", EXECUTE])
        result = check(own)
        assert own.run(["ls", "-A", EXECUTE]).stdout == ""
    finally:
        own.run(["umount", EXECUTE])
    assert TRIAL in result.failed
    assert "No space left on device" in result.found[TRIAL]


def test_device_that_is_closed_to_the_users_of_jobs_is_a_failure_without_a_trial(own: Node) -> None:
    own.run("chmod 600 /dev/kvm")
    try:
        result = check(own)
    finally:
        own.run("chmod 666 /dev/kvm")
    assert "libvirt user" in result.failed
    assert result.levels[TRIAL] == "n/a"


def test_device_that_is_closed_although_its_mode_is_open_is_a_failure(own: Node) -> None:
    own.run(["python3", "-c", DENY, own.run("id --user condor").stdout.strip()])
    try:
        result = check(own)
    finally:
        own.run(["python3", "-c", ALLOW])
    assert result.levels["libvirt user"] == "ok"
    assert "Could not access KVM kernel module" in failing(result)
    own.wait_until(lambda: check(own).levels[TRIAL] == "ok", "guests start again", 60)


@pytest.mark.parametrize("killed", ["--check", "--try-node"])
def test_killed_trial_leaves_nothing(own: Node, killed: str) -> None:
    running = subprocess.Popen(own.command(CHECK.split()), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        own.wait_until(lambda: any(EXECUTE in trace for trace in traces(own)), "the trial runs", 30)
        own.run(["pkill", "--signal", "KILL", "--full", f"^/usr/bin/python3 .*{killed}"])
        running.wait(60)
    finally:
        running.kill()
        running.wait(60)
    if killed == "--try-node":  # the next one removes it
        own.wait_until(lambda: check(own).levels[TRIAL] == "ok", "guests start", 60)


def test_libvirt_that_hangs_is_not_a_failure(own: Node) -> None:
    command = own.command([*CHECK.split(), "--json"])
    with site.policy(own, "[htcondor]\npatience = 8\n"):
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            own.wait_until(lambda: any(EXECUTE in trace for trace in traces(own)), "the trial runs", 30)
            own.run("systemctl kill --signal=STOP libvirtd")
            output, _ = running.communicate(timeout=60)
        finally:
            own.run("systemctl kill --signal=CONT libvirtd")
            running.kill()
            running.wait(60)
    levels = {f"{each['group']} {each['name']}": each["level"] for each in json.loads(output)["checks"]}
    assert levels[TRIAL] == "warn"


@pytest.mark.parametrize("command", [APPLY, APPLY_WITHOUT_NETWORK])
def test_apply_says_that_guests_do_not_start(own: Node, command: str) -> None:
    """By hand, and by the unit, confined as it is."""
    assert "does not start" not in own.run(f"{command} --quiet", timeout=150).stdout
    own.run(["chmod", "700", EXECUTE])
    try:
        said = own.run(f"{command} --quiet", timeout=150).stdout
    finally:
        own.run(["chmod", "755", EXECUTE])
    assert f"cannot search {EXECUTE} (mode 0700)" in said


def test_ordinary_user_starts_nothing(own: Node) -> None:
    assert check(own, user=recipe.USER).levels[TRIAL] == "n/a"


@pytest.mark.full
def test_running_guest_and_a_draining_slot_are_not_touched(own: Node) -> None:
    stages.wait_for_vm_universe(own, True)
    cluster = pool.submit(own, "trial.sub", jobs.VM_JOB)
    name = f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0"
    own.wait_until(lambda: name in own.run("virsh list --name").stdout, "the job's guest runs", 60)
    before = own.run(["virsh", "domid", name]).stdout
    assert check(own).levels[TRIAL] == "ok"
    assert own.run(["virsh", "domid", name]).stdout == before
    own.run(["condor_rm", str(cluster)])
    own.wait_until(lambda: not own.run("virsh list --name").stdout.strip(), "the guest is gone", 150)
    slot = pool.slot_ad(own)["Name"]
    own.run(["condor_drain", slot])
    try:
        own.wait_until(lambda: "Drained" in own.run("condor_status -af State").stdout, "the slot is drained", 60)
        result = check(own)
        assert (result.failed, result.levels[TRIAL]) == (set(), "ok")
        assert "Drained" in own.run("condor_status -af State").stdout
    finally:
        own.run(["condor_drain", "-cancel", slot])
