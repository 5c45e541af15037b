"""A VM job while it runs, and what is left of one that is stopped: condor_tail, the way into its guest, its address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testnode import guest, jobs, linux_guest, node, pool, recipe, site, stages
from testnode.node import Node
from testnode.recipe import Release
from testnode.run import CommandError

pytestmark = pytest.mark.guest

HERE = Path(__file__).parent
HOME = f"/home/{recipe.USER}"
TALKS, LINUX = "/srv/images/talks.qcow2", "/srv/images/linux.qcow2"
SAYS = "this guest runs until it is stopped"  # talks.asm
EMULATED = "/srv/emulated.sh"
# The guest of a job with a network gets an address. It has a shell on its terminal, and ends when that says so.
SCRIPT = """
[ ! -e /sys/class/net/eth0 ] || { ifconfig eth0 up; udhcpc -i eth0 -n -q -s /bin/true && say leased; }
(while :; do setsid -c sh -i < /dev/hvc0 > /dev/hvc0 2>&1; done) &
say waits
seconds=0
while [ ! -e /tmp/enough ] && [ $seconds -lt 600 ]; do sleep 1; seconds=$((seconds + 1)); done
say told "$(cat /tmp/enough)"
"""
SHELL = "condor_ssh_to_job -auto-retry {cluster} condor-kvm-stage-shell"


@dataclass(frozen=True)
class Watched:
    """A job whose guest has ended, on the node. The rest is what was seen while it ran.

    tail: of condor_tail. shell: what the way into the guest has printed. address: the job's attribute. strangers: the
    commands with which another user got in.
    """

    node: Node
    tail: str
    shell: str
    address: str
    strangers: list[str]
    events: str


def submit(worker: Node, directory: str, text: str) -> int:
    """Submit a job from a directory of its own."""
    worker.run(["mkdir", directory], user=recipe.USER)
    return pool.submit(worker, f"{directory}.sub", text.replace("\nqueue", f"\ninitialdir = {HOME}/{directory}\nqueue"))


def tail(worker: Node, cluster: int) -> str:
    """Return what condor_tail shows, "" if it does not answer: the starter sleeps after it has started a guest."""
    try:
        return worker.run(["condor_tail", str(cluster)], user=recipe.USER, check=False, timeout=20).stdout
    except CommandError:
        return ""


def wait_for_console(worker: Node, cluster: int, text: str, timeout: float) -> str:
    """Wait until condor_tail shows a text. Returns all that it shows."""
    worker.wait_until(lambda: text in tail(worker, cluster), f"condor_tail shows {text!r}", timeout)
    return tail(worker, cluster)


def came_back(worker: Node, directory: str) -> set[str]:
    return {path.name for path in (worker.root / HOME.lstrip("/") / directory).iterdir()}


def into_guest(worker: Node, cluster: int, typed: str) -> str:
    """Type something on a guest's terminal, as the job's user does. Returns what was printed."""
    # Held open for a while: before the session is there, nothing is typed
    script = f"(sleep 20; echo '{typed}'; sleep 10) | {SHELL.format(cluster=cluster)}"
    # It ends with status 1 if the guest ends
    return worker.run(["sh", "-c", script], user=recipe.USER, timeout=150, check=False).stdout


def as_nobody(worker: Node, *command: str) -> bool:
    """Return whether a command works for another user."""
    return worker.run(["runuser", "--user", "nobody", "--", *command], check=False, timeout=30).returncode == 0


def strangers(worker: Node, cluster: int) -> Iterator[str]:
    """Yield what another user could do."""
    (terminal,) = worker.run(["find", "/var/lib/condor/execute", "-name", ".terminal"]).stdout.splitlines()
    if as_nobody(worker, "condor_ssh_to_job", str(cluster), "true"):
        yield "condor_ssh_to_job"
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({terminal!r})"
    if as_nobody(worker, "python3", "-c", code):
        yield "connect"


@pytest.fixture(
    scope="module",
    params=[Release.TESTING, Release.TRIXIE],
    ids=["HTCondor-25", "HTCondor-23"],
)
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    with node.running(request.param) as worker:
        bare = stages.make_bare(worker)
        worker.run("virsh net-start default")
        stages.install(bare)
        (worker.root / EMULATED.lstrip("/")).write_text((HERE / "domain/emulated.sh").read_text(encoding="utf-8"))
        (worker.root / EMULATED.lstrip("/")).chmod(0o755)
        if not linux_guest.runs_on_kvm():
            (worker.root / "etc/condor/config.d/60-tests.conf").write_text(f"LIBVIRT_XML_SCRIPT = {EMULATED}\n")
        with site.policy(worker, '[network]\ntypes = ["nat"]\n'):
            worker.run("condor-kvm-stage-genconfig --apply", timeout=150)
        stages.wait_for_vm_universe(worker, True)
        linux_guest.write_image(worker.root / LINUX.lstrip("/"), "qcow2", SCRIPT)
        yield watch(worker)


def watch(worker: Node) -> Watched:
    network = "vm_networking = True\nvm_networking_type = nat\nMY.WantRemoteUpdates = True\nqueue"
    text = jobs.VM_JOB.replace(jobs.BASE, LINUX).replace("= 64", "= 256").replace("\nqueue", f"\n{network}")
    cluster = submit(worker, "watched", text)
    shown = wait_for_console(worker, cluster, "guest: waits", 180)
    found = list(strangers(worker, cluster))
    worker.wait_until(
        lambda: "ChirpGuestAddress" in pool.job_ad(worker, cluster), "the address is in the job's ad", 120
    )
    address = pool.job_ad(worker, cluster)["ChirpGuestAddress"]
    printed = into_guest(worker, cluster, "id; echo from-the-terminal > /tmp/enough")
    events = pool.wait_for_end(worker, f"watched/{jobs.VM_JOB_LOG}", 180)
    return Watched(worker, shown, printed, address, found, events)


@pytest.mark.full
def test_condor_tail_shows_the_console_from_its_first_line(watched: Watched) -> None:
    assert "guest: userspace" in watched.tail


@pytest.mark.full
def test_condor_ssh_to_job_gets_into_the_guest(watched: Watched) -> None:
    assert "uid=0" in watched.shell
    console = (watched.node.root / HOME.lstrip("/") / "watched/console.log").read_text(encoding="utf-8")
    assert "guest: told from-the-terminal" in console


@pytest.mark.full
def test_nobody_else_gets_in(watched: Watched) -> None:
    assert watched.strangers == []


@pytest.mark.full
def test_address_of_the_guest_is_in_the_jobs_ad(watched: Watched) -> None:
    assert ipaddress.ip_address(watched.address) in ipaddress.ip_network("192.168.122.0/24")


@pytest.mark.full
def test_what_comes_back_is_as_without_anybody_who_watches(watched: Watched) -> None:
    assert "Normal termination (return value 0)" in watched.events
    assert came_back(watched.node, "watched") == {"disk.qcow2", "console.log", jobs.VM_JOB_LOG}


@pytest.mark.full
def test_condor_tail_shows_what_a_jobs_program_prints(worker: Node) -> None:
    """The guest has no system that would run the program, so its output is written here."""
    guest.write_base(worker.root / TALKS.lstrip("/"), "qcow2", guest.SOURCE.with_name("talks.asm"))
    text = jobs.VM_JOB.replace(jobs.BASE, TALKS).replace("= my-virtual-machine", "= prints.sh")
    text = text.replace(":disk.qcow2\n", ":disk.qcow2, prints.sh\n", 1)
    (worker.root / HOME.lstrip("/") / "prints.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    cluster = submit(worker, "prints", text.replace(", prints.sh", f", {HOME}/prints.sh"))
    worker.wait_until(lambda: bool(output_of_program(worker)), "the job's program has a file for its output", 90)
    path = output_of_program(worker)
    worker.run(["sh", "-c", f"echo from the program >> {path}"], user=recipe.USER)
    wait_for_console(worker, cluster, "from the program", 90)
    worker.run(["condor_rm", str(cluster)])


def output_of_program(worker: Node) -> str:
    """Return the path of the file for the output of the only program in a job; "" if there is none."""
    return worker.run(["find", "/var/lib/condor/execute", "-name", "program.out"]).stdout.strip()


STOPS = {
    "held": ["condor_hold"],
    "removed": ["condor_rm"],
    "vacated": ["condor_vacate_job", "-fast"],
}


def last_lines(worker: Node, cluster: int) -> str:
    """Return ChirpConsole of a job that is in the queue, or in the history."""
    for command in ("condor_q", "condor_history"):
        found = worker.run([command, str(cluster), "-af", "ChirpConsole"]).stdout.strip()
        if found not in ("", "undefined"):
            return found
    return ""


def start(worker: Node, name: str) -> int:
    image = worker.root / TALKS.lstrip("/")
    if not image.exists():
        guest.write_base(image, "qcow2", guest.SOURCE.with_name("talks.asm"))
    # After it was vacated it would run again
    text = jobs.VM_JOB.replace(jobs.BASE, TALKS).replace("\nqueue", "\nrequirements = NumJobStarts < 1\nqueue")
    return submit(worker, name, text)


def stop_and_look(worker: Node, name: str) -> None:
    """Stop a job whose guest has said something, and wait until its ad has that."""
    cluster = start(worker, name)
    wait_for_console(worker, cluster, SAYS, 90)
    worker.run([*STOPS[name], str(cluster)], user=recipe.USER)
    worker.wait_until(lambda: SAYS in last_lines(worker, cluster), "the job's ad has the console's end", 120)
    worker.run(["condor_rm", str(cluster)], check=False)
    assert came_back(worker, name) == {jobs.VM_JOB_LOG}, "nothing, as the manual page says"


def test_console_is_shown_while_the_job_runs_and_its_end_stays_in_its_ad_when_it_is_vacated(worker: Node) -> None:
    stop_and_look(worker, "vacated")


@pytest.mark.full
@pytest.mark.parametrize("name", ["held", "removed"])
def test_end_of_the_console_stays_in_the_ad_of_a_job_that_is(worker: Node, name: str) -> None:
    stop_and_look(worker, name)


@pytest.mark.full
@pytest.mark.parametrize("name", STOPS)
def test_end_of_the_console_stays_in_the_ad_with_htcondor_23(old: Node, name: str) -> None:
    stop_and_look(old, name)
