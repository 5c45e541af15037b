"""What attacks of one user's jobs on another's must come to; a class for each version of HTCondor."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from e2e.domain import isolation, races, two_users
from e2e.domain.isolation import Ended
from testnode.recipe import Release

ALICES_UID = 1000
RACES = [
    "disk in a group's directory",
    "disk in another user's directory",
    "base image",
    "lock",
    "disk of a trusted owner",
]
# In these, the builder refuses each disk
REFUSED = RACES[:2]
# What costs a node its VM universe: a guest that QEMU does not start, after all checks
COST = "a guest that does not start costs the node its VM universe"


class Isolation:
    """The cases."""

    release: Release

    @pytest.fixture(scope="class")
    def ended(self, request: pytest.FixtureRequest) -> Iterator[Ended]:
        with two_users.node(request.cls.release) as worker:
            yield isolation.run(worker)

    def test_qemu_runs_as_the_jobs_user_without_capabilities(self, ended: Ended) -> None:
        assert ended.process["Uid"].split() == [str(ALICES_UID)] * 4
        assert ended.process["Gid"].split() == [str(ALICES_UID)] * 4
        assert {int(ended.process[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}

    @pytest.mark.parametrize("name", RACES)
    def test_attackers_were_quick(self, ended: Ended, name: str) -> None:
        assert ended.races[name].acts >= races.LEAST

    @pytest.mark.parametrize("name", REFUSED)
    def test_disk_that_others_can_exchange_never_reaches_a_guest(self, ended: Ended, name: str) -> None:
        race = ended.races[name]
        assert race.started == 0
        reasons = re.findall(r"others than its owner can write to|belongs to the user", race.refused)
        assert len(reasons) >= 3
        assert not race.lost

    @pytest.mark.parametrize("name", [name for name in RACES if name not in REFUSED])
    def test_guests_were_started_meanwhile(self, ended: Ended, name: str) -> None:
        assert ended.races[name].started >= 3

    @pytest.mark.parametrize("name", RACES)
    def test_no_guest_of_alices_has_a_file_that_she_may_not_open(self, ended: Ended, name: str) -> None:
        race = ended.races[name]
        assert {path for uid, path in race.opened if uid == ALICES_UID} & {*ended.bobs, "/etc/shadow"} == set()
        assert not any(two_users.SECRET in text for text in race.consoles)

    def test_a_guest_of_bobs_has_his_files(self, ended: Ended) -> None:
        """What the test above looks for can be seen."""
        opened = {path for uid, path in ended.races["base image"].opened if uid != ALICES_UID}
        assert opened & ended.bobs

    def test_lock_of_a_reader_holds_a_job_whose_image_it_is(self, ended: Ended) -> None:
        assert "is locked" in ended.held["lock"]

    def test_other_users_reach_nothing_of_a_vm_jobs_directory(self, ended: Ended) -> None:
        assert re.findall("^[rw] .*", ended.seen, re.MULTILINE) == []
        assert ended.seen.startswith("uid 1001 ")

    def test_nothing_of_the_node_has_changed(self, ended: Ended) -> None:
        before, after = ended.changes[0]
        assert after == before
        assert before["/etc/shadow"].startswith("root:shadow 640 ")

    def test_nothing_of_another_users_jobs_has_changed(self, ended: Ended) -> None:
        before, after = ended.changes[1]
        assert after == before
        assert sum(path.endswith("/seed.raw") for path in before) >= 2
