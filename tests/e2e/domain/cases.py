"""The attacks on a node with one version of HTCondor, whose START lets all in: first with the hook, then without."""

from __future__ import annotations

import re

import pytest

from e2e import vm_attacks
from e2e.domain import attacks, scene
from e2e.domain.wave import Wave
from e2e.vm_attacks import Attack
from testnode import pool
from testnode.recipe import Release

ATTACKS: dict[str, Attack] = {
    **vm_attacks.ATTACKS,
    **attacks.LINKS,
    **attacks.IMAGES,
    **attacks.BEHIND_THE_HOOK,
    **attacks.MARKUP,
    **attacks.NEWLINES,
}
REFUSED = [name for name, attack in ATTACKS.items() if attack.refusal]
HARMLESS = [name for name, attack in ATTACKS.items() if not attack.refusal]
# The hook does not take the second for a job of VM universe, and the third switches it off
UNSEEN_BY_THE_HOOK = {*attacks.BEHIND_THE_HOOK, "another universe", "hook that is none"}
# What HTCondor's programs do with these before they ask the builder: the first costs VM universe, which is why the hook
# refuses it; the second comes to no end; the third is overwritten.
NOT_FOR_THE_BUILDER = {"network's type", "markup in vm_type", "name"}
FOR_THE_BUILDER = {name: attack for name, attack in ATTACKS.items() if name not in NOT_FOR_THE_BUILDER}
# HTCondor's own refusals, after which it puts a job on hold as well
ITS_OWN = ("VMGAHP_ERR_JOBCLASSAD_KVM_INVALID_DISK_PARAM", "VMGAHP_ERR_JOBCLASSAD_NO_VM_MEMORY_PARAM")


class Attacks:
    """The cases; a class for each release."""

    release: Release

    @pytest.mark.parametrize("name", REFUSED)
    def test_hold_reason_says_why(self, hooked: Wave, name: str) -> None:
        ad = hooked.ads[name]
        assert ad.get("JobStatus") == pool.HELD
        assert re.search(ATTACKS[name].refusal, ad["HoldReason"])
        assert ad["HoldReasonCode"] == (
            21 if name in UNSEEN_BY_THE_HOOK else 19
        )  # StartdHeldJob, HookPrepareJobFailure

    @pytest.mark.parametrize("name", [name for name in REFUSED if name in FOR_THE_BUILDER])
    def test_builder_refuses_without_the_hook(self, unhooked: Wave, name: str) -> None:
        ad = unhooked.ads[name]
        assert ad.get("JobStatus") == pool.HELD
        if not any(code in ad["HoldReason"] for code in ITS_OWN):
            assert re.search(f"has not started: .*({ATTACKS[name].refusal})", ad["HoldReason"])
            assert re.search(f"refused: .*({ATTACKS[name].refusal})", unhooked.gahp)

    def test_no_guest_of_a_refused_job_was_ever_started(self, either: Wave) -> None:
        assert either.started & set(REFUSED) == set()

    def test_what_nobody_looks_at_changes_nothing_of_a_guest(self, either: Wave) -> None:
        assert either.started == set(HARMLESS)
        for text in ("/etc/", f"/srv/{attacks.OTHER}", "vdz", "-smp 255"):
            assert text not in either.qemu
        assert either.qemu.count('"filename":"/srv/images/base.qcow2"') == len(HARMLESS)

    def test_node_keeps_vm_universe(self, either: Wave) -> None:
        assert either.slot["HasVM"] is True
        assert 'OfflineUniverses = {"VM"' not in either.startd

    def test_nothing_outside_of_scratch_directories_has_changed(self, either: Wave) -> None:
        before, after = either.outside
        assert after == before
        assert before[scene.BASE].startswith("root:root 644 ")
        assert before["/etc/shadow"].startswith("root:shadow 640 ")
