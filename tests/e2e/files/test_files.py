"""A guest has its job's files: it reads what the job has brought, and what it writes comes back as its user's."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.domain import scene
from e2e.files import worker as files
from testnode import linux_guest, pool
from testnode.node import Node
from testnode.recipe import Release

pytestmark = pytest.mark.guest

# After a reboot it has its files again; then it waits until the node has put a file there
SCRIPT = """\
if [ ! -e rebooted ]; then
    touch rebooted
    sync
    reboot -f
fi
say brought "$(cat data.csv)"
mkdir /etc
printf 'joe:x:1000:1000::/:/bin/sh\\njim:x:1001:1001::/:/bin/sh\\n' > /etc/passwd
su joe -c 'cd /job && echo "of joe" > by-joe' && say joe yes
su jim -c 'cat /job/data.csv' && say jim yes
echo "of root" > by-root
chown 5:6 by-root && say owner "$(stat -c %u:%g by-root)"
mkdir directory && echo inside > directory/file
ln -s disk.qcow2 guest-link
cat disk.qcow2 && say disk yes
touch ready
until [ -e go ]; do sleep 1; done
say go "$(cat go)"
"""
# As an ordinary job, what virtiofsd is compared with
ORDINARY = "cat /proc/self/status > status\n"


@dataclass(frozen=True)
class Ended:
    """The node, when the jobs have ended. served: what virtiofsd could do. left: what was still there of it."""

    node: Node
    served: dict[str, str]
    left: list[int]
    said: dict[str, list[str]]
    inside: dict[str, str]


@pytest.fixture(scope="module", params=[Release.TESTING, pytest.param(Release.TRIXIE, marks=pytest.mark.full)])
def ended(request: pytest.FixtureRequest) -> Iterator[Ended]:
    with files.node(request.param) as node:
        for name in ("guest", "ordinary"):
            node.run(["mkdir", f"{scene.HOME}/{name}"], user="alice")
        (files.home(node, "guest") / "data.csv").write_text("1,2,3", encoding="utf-8")
        cluster = files.submit(
            node, "guest", SCRIPT, "transfer_output_files = by-joe, by-root, directory, console.log", inputs="data.csv"
        )
        files.submit(node, "ordinary", ORDINARY, is_vm=False)
        place = files.wait_until_it_runs(node, cluster)
        pids = files.servers(node)
        (served,) = [found for found in (files.status(node, pid) for pid in pids) if found["Name"] == "virtiofsd"]
        inside = files.listed(node, place)
        node.run(["sh", "-c", f"echo now > {place}/go"])
        pool.wait_for_end(node, "guest/job.log", 180)
        node.wait_until(lambda: not files.servers(node), "virtiofsd has ended", 30)
        pool.wait_for_end(node, "ordinary/job.log", 60)
        said = linux_guest.said(files.console(node, "guest"))
        yield Ended(node, served, files.servers(node), said, inside)


def test_guest_reads_what_the_job_has_brought_also_after_a_reboot(ended: Ended) -> None:
    assert ended.said["mounted"] == ["yes", "yes"]
    assert ended.said["brought"] == ["1,2,3"]


def test_first_user_of_the_guest_can_work_there_and_others_cannot(ended: Ended) -> None:
    assert ended.said["joe"] == ["yes"]
    assert "jim" not in ended.said


def test_guest_sees_what_comes_on_the_node(ended: Ended) -> None:
    assert ended.said["go"] == ["now"]


def test_what_the_guest_writes_comes_back_as_the_users(ended: Ended) -> None:
    home = files.home(ended.node, "guest")
    found = {path.relative_to(home).as_posix() for path in home.rglob("*")}
    assert found == {
        "by-joe",
        "by-root",
        "directory",
        "directory/file",
        "console.log",
        "data.csv",
        "job.log",
        files.SCRIPT,
    }
    owner = (home / "data.csv").parent.stat().st_uid
    for name, text in (("by-joe", "of joe\n"), ("by-root", "of root\n"), ("directory/file", "inside\n")):
        assert (home / name).read_text(encoding="utf-8") == text
        assert (home / name).stat().st_uid == owner
        assert stat.S_ISREG((home / name).stat().st_mode)


def test_all_that_the_guest_makes_is_the_users_on_the_node(ended: Ended) -> None:
    made = {"by-joe", "by-root", "directory", "directory/file", "guest-link", "rebooted", "ready"}
    assert {ended.inside[name].split()[1] for name in made} == {"alice:alice"}
    assert ended.said["owner"] == ["1000:1000"]


def test_guests_disk_is_not_there(ended: Ended) -> None:
    assert "disk" not in ended.said
    assert ended.inside["disk.qcow2"].startswith("l ")


def test_virtiofsd_can_do_no_more_than_an_ordinary_job(ended: Ended) -> None:
    ordinary = files.parsed((files.home(ended.node, "ordinary") / "status").read_text(encoding="utf-8"))
    assert ended.served["Uid"] == ordinary["Uid"]
    assert ended.served["Gid"] == ordinary["Gid"]
    assert set(ended.served["Groups"].split()) <= set(ordinary["Groups"].split())
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(ended.served[name], 16) & ~int(ordinary[name], 16) == 0
    assert int(ended.served["CapPrm"], 16) == 0
    assert ended.served["NoNewPrivs"] == "1"
    assert ended.served["Seccomp"] == "2"


def test_nothing_of_it_is_left(ended: Ended) -> None:
    assert ended.left == []


def test_job_ends_well(ended: Ended) -> None:
    events = (files.home(ended.node, "guest") / "job.log").read_text(encoding="utf-8")
    assert "Normal termination (return value 0)" in events
