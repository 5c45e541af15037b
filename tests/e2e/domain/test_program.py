"""A job's program in a guest with a real Debian and real cloud-init: what it gets, and what comes back of it.

Where KVM cannot run Linux, QEMU emulates the processor: minutes for each guest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.domain import scene
from testnode import debian_guest, linux_guest, pool, recipe
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [pytest.mark.guest, pytest.mark.full]

IMAGE = "/srv/images/debian-13.qcow2"
EMULATED = "/srv/emulated.sh"
HOME = f"{scene.HOME}/program"
TIMEOUT = 3000  # seconds for all guests, on a machine that does much else
# Each process of the cluster does something else
PROGRAM = """\
#!/bin/sh
{ printf '[%s]' "$@"; echo; echo "mode $MODE"; cat data.csv; pwd; id -u; hostname; cat /root/secret; } 2>&1
echo "to standard error" >&2
echo made > "made-$2.txt"
[ "$2" != 4 ] || cat /etc/from-user-data
case $2 in 1) exit 3 ;; 2) kill -s KILL $$ ;; 3) sleep 3600 ;; esac
"""
USER_DATA = {
    3: "#cloud-config\npower_state: {mode: poweroff, delay: now}\n",
    4: "#cloud-config\nwrite_files: [{path: /etc/from-user-data, content: applied}]\n",
}
JOB = f"""\
universe   = vm
vm_type    = kvm
executable = analyse.sh
arguments   = "--seed $(Process) 'two words' 'it''s' \\x $HOME"
environment = "MODE=fast"
request_cpus   = 1
request_memory = 1G
request_disk   = 1G
transfer_input_files = nfs://{IMAGE}:disk.qcow2, analyse.sh, $(inputs)
vm_disk = disk.qcow2:vda:w:qcow2
transfer_output_files = console.log
transfer_output_remaps = "console.log = console-$(Process).log"
vm_no_output_vm = False
MY.Out = "analyse-$(Process).out"
MY.Err = "analyse-$(Process).err"
initialdir = {HOME}
log = job.log
queue inputs from (
    data.csv
    data.csv
    data.csv
    data.csv, 3/user-data
    data.csv, 4/user-data
)
"""


@dataclass(frozen=True)
class Ended:
    """The node, when the jobs have ended, and their ads by process."""

    node: Node
    ads: dict[int, pool.Ad]

    def text(self, name: str) -> str:
        """Return the content of a file that has come back."""
        return (self.node.root / HOME.lstrip("/") / name).read_text(encoding="utf-8", errors="replace")


def history(node: Node, constraint: str) -> list[pool.Ad]:
    found: list[pool.Ad] = json.loads(
        node.run(["condor_history", "-json", "-constraint", constraint], timeout=60).stdout or "[]"
    )
    return found


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    script = "" if linux_guest.runs_on_kvm() else f"LIBVIRT_XML_SCRIPT = {EMULATED}\n"
    with scene.busy_node(Release.TESTING, script) as worker:
        debian_guest.write_image(worker.root / IMAGE.lstrip("/"))
        emulated = worker.root / EMULATED.lstrip("/")
        emulated.write_text((scene.HERE / "virtual_time.sh").read_text(encoding="utf-8"), encoding="utf-8")
        emulated.chmod(0o755)
        worker.run(["mkdir", HOME, *(f"{HOME}/{process}" for process in USER_DATA)], user=recipe.USER)
        place = worker.root / HOME.lstrip("/")
        _write(place / "analyse.sh", PROGRAM)
        _write(place / "data.csv", "1,2\n")
        for process, text in USER_DATA.items():
            _write(place / f"{process}/user-data", text)
        yield worker


@pytest.fixture(scope="module")
def ended(node: Node) -> Ended:
    cluster = pool.submit(node, "program.sub", JOB)
    pool.wait_for_end(node, "program/job.log", TIMEOUT)
    node.wait_until(lambda: len(history(node, f"ClusterId == {cluster}")) == 5, "the history has the jobs", 30)
    return Ended(node, {ad["ProcId"]: ad for ad in history(node, f"ClusterId == {cluster}")})


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


@pytest.mark.timeout(TIMEOUT + 300)
@pytest.mark.parametrize(("process", "status"), [(0, 0), (1, 3), (2, 137), (3, 76), (4, 0)])
def test_exit_status_is_the_programs_or_says_why_there_is_none(ended: Ended, process: int, status: int) -> None:
    assert ended.ads[process]["ExitCode"] == status, ended.text(f"console-{process}.log")[-3000:]


@pytest.mark.parametrize("process", [0, 1, 2, 4])
def test_arguments_environment_and_input_arrive(ended: Ended, process: int) -> None:
    lines = ended.text(f"analyse-{process}.out").splitlines()
    assert lines[0] == f"[--seed][{process}][two words][it's][\\x][$HOME]"
    assert lines[1:5] == ["mode fast", "1,2", "/run/job", "1000"]
    assert lines[5] == f"job-{ended.ads[process]['ClusterId']}-{process}"
    assert "Permission denied" in lines[6], "it is not root"
    assert ended.text(f"analyse-{process}.err") == "to standard error\n"


def test_jobs_own_user_data_are_applied_before_the_program_starts(ended: Ended) -> None:
    assert ended.text("analyse-4.out").endswith("applied")


def test_only_what_the_jobs_want_comes_back(ended: Ended) -> None:
    """Nothing of the node's own."""
    names = {path.name for path in (ended.node.root / HOME.lstrip("/")).iterdir()}
    made = {f"analyse-{process}.{end}" for process in range(5) for end in ("out", "err")}
    assert {name for name in names if name.startswith((".", "disk", "program"))} == set()
    assert {name for name in names if name.startswith("analyse-")} <= made


def test_user_sees_why_a_program_has_not_ended(ended: Ended) -> None:
    assert "ended before the job's program did" in ended.ads[3].get("ChirpGuestProblem", "")
    assert "SIGKILL" in ended.ads[2].get("ChirpGuestProblem", "")


def one_job(name: str, seed: str, inputs: str) -> str:
    """Return the description of one such job. seed: its argument, by which the program decides what it does."""
    text = JOB.partition("queue ")[0].replace("--seed $(Process)", f"--seed {seed}").replace("$(inputs)", inputs)
    return text.replace("log = job.log", f"log = {name}.log") + "queue\n"


@pytest.mark.timeout(TIMEOUT + 300)
def test_dag_tries_a_program_that_fails_again(node: Node) -> None:
    """The first attempt exits with 3, the second one with 0."""
    place = node.root / HOME.lstrip("/")
    _write(place / "dag.sub", one_job("dag", "$INT(wanted)", "data.csv"))
    _write(place / "some.dag", 'JOB only dag.sub\nRETRY only 1\nVARS only wanted="1-$(RETRY)"\n')
    node.run(["sh", "-c", f"cd {HOME} && condor_submit_dag some.dag"], user=recipe.USER, timeout=60)
    constraint = 'DAGNodeName == "only"'
    node.wait_until(lambda: len(history(node, constraint)) == 2, "both attempts have ended", TIMEOUT)
    assert sorted(ad["ExitCode"] for ad in history(node, constraint)) == [0, 3]
    node.wait_until(lambda: (place / "some.dag.metrics").exists(), "the DAG has ended", 120)
    assert json.loads((place / "some.dag.metrics").read_text(encoding="utf-8"))["exitcode"] == 0


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (["mkdir"], "user-data is not a regular file"),
        (["truncate", "--size=1G"], "user-data has more than 1 MiB"),
        (["ln", "--symbolic", "/etc/shadow"], "Permission denied"),
    ],
)
def test_hostile_user_data_start_no_guest(node: Node, make: list[str], reason: str) -> None:
    """HTCondor itself transfers what the user may read, and nothing else."""
    node.run(["rm", "--recursive", "--force", f"{HOME}/user-data"], user=recipe.USER)
    node.run([*make, f"{HOME}/user-data"], user=recipe.USER)
    try:
        held = pool.run_to_hold(node, "hostile", one_job("hostile", "0", "data.csv, user-data"), 120)
    finally:
        node.run("condor_rm -all", check=False)
    assert reason in held["HoldReason"]
    assert pool.slot_ad(node)["HasVM"] is True
