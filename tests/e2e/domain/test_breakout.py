"""A guest that has broken out of QEMU reaches no file that an ordinary job of the same user could not, but libvirt's.

What it could do, a script does in QEMU's place, before it starts QEMU: same user, same groups, same view of the node.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.domain import attacks, isolation, two_users
from e2e.domain.two_users import ALICE, BOB, BOBS_FILE, IDLE, PROGRAM, here
from testnode import jobs, pool
from testnode.node import Node
from testnode.recipe import Release

pytestmark = pytest.mark.guest

QEMU = "/usr/bin/qemu-system-x86_64"
LIST, FOUND = "/srv/paths", "/srv/found"
SCRIPT = f"""\
#!/bin/sh
case " $* " in
*' guest='*) /usr/bin/python3 {PROGRAM} reach {LIST} "{FOUND}/$(id -u)" ;;
esac
exec {QEMU}.real "$@"
"""
PLACES = ("/etc", "/home", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var")
ALICES_IMAGE = "/srv/images/alices.qcow2"
DISK = f"nfs://{IDLE}:disk.qcow2", "disk.qcow2:vda:w:qcow2"
USERS = {ALICE: 1000, BOB: 1001}


@dataclass(frozen=True)
class Reached:
    """What a process of a user said: its identity, the lines `r PATH` and `w PATH`."""

    identity: list[str]
    files: set[str]


@dataclass(frozen=True)
class Found:
    """What was tried, and reached, by user: in QEMU's place, and by ordinary jobs before and after."""

    tried: set[str]
    qemu: dict[str, Reached]
    ordinary: dict[str, Reached]
    theirs: dict[str, str]  # a user's file of each kind
    group: str  # the id of libvirt's for QEMU


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    with two_users.node(Release.TESTING) as worker:
        isolation.make_files(worker)
        worker.run(["cp", jobs.BASE, ALICES_IMAGE])
        worker.run(["chown", ALICE, ALICES_IMAGE])
        worker.run(["chmod", "600", ALICES_IMAGE])
        seed = f"{isolation.start_bobs_jobs(worker)[0]}.condor-kvm-stage/seed.raw"
        _wait(worker, ALICE, two_users.submit(worker, ALICE, "first", two_users.vm_job(*DISK)))
        listed = worker.run(["find", *PLACES, "-type", "f"]).stdout
        here(worker, LIST).write_text(listed, encoding="utf-8")
        worker.run(["mkdir", "--mode=1777", FOUND])
        worker.run(["mv", QEMU, f"{QEMU}.real"])
        here(worker, QEMU).write_text(SCRIPT, encoding="utf-8")
        here(worker, QEMU).chmod(0o755)
        qemu, ordinary = {}, {}
        for user, uid in USERS.items():
            before = _as_ordinary_job(worker, user, "before")
            cluster = two_users.submit(worker, user, "broken-out", two_users.vm_job(*DISK))
            _wait(worker, user, cluster)
            qemu[user] = _reached(here(worker, f"{FOUND}/{uid}").read_text(encoding="utf-8"))
            after = _as_ordinary_job(worker, user, "after")
            ordinary[user] = Reached(after.identity, before.files | after.files)
        (key,) = re.findall(rf"^/var/lib/libvirt/qemu/domain-[0-9]+-{BOB}.*/master-key.aes$", listed, re.MULTILINE)
        theirs = {"disk of a job": seed, "in the home": BOBS_FILE, "image": attacks.PRIVATE, "libvirt's": key}
        group = worker.run("stat --format=%g /var/lib/libvirt/qemu").stdout.strip()
        yield Found(set(listed.splitlines()), qemu, ordinary, theirs, group)


def _wait(worker: Node, user: str, cluster: int) -> None:
    isolation.wait_for_guest(worker, user, cluster)


def _as_ordinary_job(worker: Node, user: str, name: str) -> Reached:
    description = two_users.ordinary_job(f"reach {LIST} reached", name).replace('_files = ""', "_files = reached")
    cluster = two_users.submit(worker, user, name, description)
    worker.wait_until(lambda: not pool.job_ad(worker, cluster), f"the job {name} of {user} has ended", 60)
    return _reached(here(worker, f"/home/{user}/{name}/reached").read_text(encoding="utf-8"))


def _reached(text: str) -> Reached:
    lines = text.splitlines()
    return Reached([line for line in lines if line[1] != " "], {line for line in lines if line[1] == " "})


@pytest.mark.parametrize("user", USERS)
def test_qemu_has_the_jobs_user_and_groups_and_libvirts_and_no_capabilities(found: Found, user: str) -> None:
    by_name, of_job = (
        dict(line.split(" ", 1) for line in reached[user].identity) for reached in (found.qemu, found.ordinary)
    )
    assert by_name["uid"] == of_job["uid"] == " ".join([str(USERS[user])] * 3)
    assert set(by_name["groups"].split()) == {*of_job["groups"].split(), found.group}
    assert found.group not in of_job["groups"].split()
    assert {int(by_name[name], 16) for name in ("CapPrm:", "CapEff:", "CapAmb:")} == {0}


@pytest.mark.parametrize("user", USERS)
def test_qemu_reaches_nothing_more_than_an_ordinary_job_but_libvirts_directories_of_the_users_guests(
    found: Found, user: str
) -> None:
    own = re.compile(rf"[rw] /var/lib/libvirt/qemu/domain-[0-9]+-{user}_[^/]*/")
    more = found.qemu[user].files - found.ordinary[user].files
    assert [line for line in more if not own.match(line)] == []


@pytest.mark.parametrize("kind", ["disk of a job", "in the home", "image", "libvirt's"])
def test_files_of_another_user_are_out_of_reach(found: Found, kind: str) -> None:
    path = found.theirs[kind]
    assert path in found.tried
    assert {f"r {path}", f"w {path}"} & found.qemu[ALICE].files == set()
    assert f"r {path}" in found.qemu[BOB].files, "the user himself reaches it"


def test_files_of_the_node_are_out_of_reach(found: Found) -> None:
    for path in ("/etc/shadow", "/etc/gshadow"):
        assert path in found.tried
        assert f"r {path}" not in found.qemu[ALICE].files
    written = {line[2:] for line in found.qemu[ALICE].files if line.startswith("w ")}
    assert not [
        path for path in written if path.startswith(("/etc/", "/usr/", "/run/libvirt/", "/var/lib/libvirt/images"))
    ]


def test_files_of_his_own_are_within_reach(found: Found) -> None:
    """What the tests above look for can be seen."""
    assert {f"r {ALICES_IMAGE}", f"w {ALICES_IMAGE}", "r /etc/passwd"} <= found.qemu[ALICE].files
