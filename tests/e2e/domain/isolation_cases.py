"""What attacks of one user's jobs on another's must come to; a class for each version of HTCondor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from e2e.domain import isolation, races, two_users
from e2e.domain.isolation import Ended
from e2e.domain.two_users import BOBS_FILE
from testnode import jobs
from testnode.recipe import Release

ALICES_UID = 1000
# Races for a disk in vm.disk_dirs that the builder refuses, with the disk
REFUSED = {
    "disk in a group's directory": f"{isolation.SHARED}/d0.raw",
    "disk in another user's directory": f"{isolation.BOBS}/d0.raw",
}
# Races in which guests start
STARTED = ["base image", "lock", "disk of a trusted owner"]
RACES = [*REFUSED, *STARTED]


class Isolation:
    """The cases."""

    release: Release

    def test_qemu_runs_as_the_jobs_user_without_capabilities(self, ended: Ended) -> None:
        assert ended.process["Uid"].split() == [str(ALICES_UID)] * 4
        assert {int(ended.process[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}

    @pytest.mark.parametrize("name", RACES)
    def test_attackers_were_quick(self, ended: Ended, name: str) -> None:
        assert ended.races[name].acts >= races.LEAST

    @pytest.mark.parametrize("name", REFUSED)
    def test_disk_that_others_can_exchange_never_reaches_a_guest(self, ended: Ended, name: str) -> None:
        assert ended.races[name].started == 0
        assert not ended.races[name].lost
        # vm-gahps write into their log when they end
        said = "".join(race.refused for race in ended.races.values())
        assert said.count(f"disk {REFUSED[name]} is below {Path(REFUSED[name]).parent}, which ") >= 3

    @pytest.mark.parametrize("name", STARTED)
    def test_guests_were_started_meanwhile(self, ended: Ended, name: str) -> None:
        assert ended.races[name].started >= 2

    @pytest.mark.parametrize("name", RACES)
    def test_no_guest_has_a_file_that_its_user_may_not_open(self, ended: Ended, name: str) -> None:
        race = ended.races[name]
        assert {path for uid, path in race.opened if uid == ALICES_UID} & {*ended.bobs, "/etc/shadow"} == set()
        assert not any(two_users.SECRET in text for text in race.consoles)

    def test_guest_of_bobs_has_his_files(self, ended: Ended) -> None:
        """What the test above looks for can be seen."""
        opened = {path for uid, path in ended.races["base image"].opened if uid != ALICES_UID}
        assert opened & ended.bobs

    @pytest.mark.parametrize("name", [*STARTED, "own disk"])
    def test_node_keeps_vm_universe(self, ended: Ended, name: str) -> None:
        assert not ended.races[name].lost

    def test_disk_and_its_overlay_in_one_job_are_refused(self, ended: Ended) -> None:
        race = ended.races["disk and its overlay"]
        assert (race.started, race.lost) == (0, False)
        assert isolation.BELOW_ITSELF in race.refused

    def test_lock_of_a_reader_holds_a_job_and_names_it(self, ended: Ended) -> None:
        assert re.search(f"image {jobs.BASE} is locked by process [0-9]+ on worker", ended.held)

    def test_other_users_reach_nothing_of_a_vm_jobs_directory(self, ended: Ended) -> None:
        assert re.findall("^[rw] .*", ended.seen, re.MULTILINE) == []
        assert ended.seen.startswith("uid 1001 ")

    def test_nothing_of_the_node_has_changed(self, ended: Ended) -> None:
        before, after = ended.changes[0]
        assert after == before
        assert before["/etc/shadow"].startswith("root:shadow 640 ")
        assert BOBS_FILE in before

    def test_nothing_of_another_users_jobs_has_changed(self, ended: Ended) -> None:
        before, after = ended.changes[1]
        assert after == before
        assert sum(path.endswith("/seed.raw") for path in before) >= 2
