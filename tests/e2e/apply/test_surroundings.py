"""--apply on a real worker whose files, share or HTCondor are not as they mostly are."""

from __future__ import annotations

import re

import pytest

from e2e.apply.worker import APPLY, APPLY_WITHOUT_NETWORK, offered_memory, snippet, wait_for_memory
from testnode import jobs, pool, site
from testnode.node import Node
from testnode.site import SNIPPET


@pytest.mark.parametrize("command", [APPLY, APPLY_WITHOUT_NETWORK])
def test_edited_snippet_is_reported_and_kept_where_htcondor_does_not_read_it(own: Node, command: str) -> None:
    text = snippet(own) + "MY_OWN_SETTING = 1\n"
    (own.root / SNIPPET.lstrip("/")).write_text(text, encoding="utf-8")
    assert own.run("condor_config_val MY_OWN_SETTING").stdout == "1\n"
    lines = own.run(command).stdout.splitlines()
    kept = re.search(r"has been edited, and is replaced; kept as (\S+)", lines[0])
    assert kept
    assert lines[1] == f"wrote {SNIPPET}"
    assert (own.root / kept[1].lstrip("/")).read_text(encoding="utf-8") == text
    assert "MY_OWN_SETTING" not in snippet(own)
    assert own.run("condor_config_val MY_OWN_SETTING", check=False).returncode == 1


def test_unit_can_show_htcondor_who_it_is_by_the_file_system_alone(own: Node) -> None:
    """A worker that has no key to make tokens with: its tools make a directory in /tmp, its daemons look at it."""
    setting = own.root / "etc/condor/config.d/99-authentication.conf"
    setting.write_text("SEC_DEFAULT_AUTHENTICATION_METHODS = FS\n", encoding="utf-8")
    try:
        own.run("systemctl restart condor", timeout=90)
        pool.wait_for_slot(own)
        output = own.run(APPLY_WITHOUT_NETWORK, timeout=90).stdout
    finally:
        setting.unlink()
        own.run("systemctl restart condor", timeout=90)
    assert "HTCondor advertises for this node: " in output


def test_share_that_hangs_is_told_by_the_plugin_and_does_not_hang_the_unit(own: Node) -> None:
    images = f'[staging]\nimage_dirs = ["/srv/images", "{site.HANGING}"]\ntimeout = 3\n'
    with site.policy(own, images), site.hanging_share(own):
        own.run(APPLY_WITHOUT_NETWORK, timeout=30)
        told = own.run("/usr/local/bin/vm-nfs-plugin -classad").stdout
    assert 'NfsPluginImageDirs = "/srv/images"\n' in told
    assert f'NfsPluginImageDirsFailed = "{site.HANGING}"\n' in told


def test_node_offers_nfs_only_while_the_canary_image_can_be_staged(own: Node) -> None:
    image, away = jobs.BASE, f"{jobs.BASE}.away"

    def offers_nfs() -> bool:
        return "nfs" in pool.transfer_methods(own)

    with site.policy(own, f'[staging]\ncanary_image = "{image}"\n[htcondor]\nwait = 10\n'):
        own.run(APPLY)
        assert f"NFS_TEST_URL = nfs://{image}:" in snippet(own)
        assert offers_nfs()
        own.run(["mv", image, away])
        try:
            own.run("condor_reconfig")
            own.wait_until(lambda: not offers_nfs(), "the node offers nfs no more", 60)
            failed = own.run(APPLY, check=False, timeout=90)
            assert failed.returncode == 1
            assert "nfs is not among the transfer methods" in failed.stderr
        finally:
            own.run(["mv", away, image])
        own.run("condor_reconfig")
        own.wait_until(offers_nfs, "the node offers nfs again", 60)


@pytest.mark.guest
def test_htcondor_that_systemd_does_not_run_takes_it_up_too(own: Node) -> None:
    """As in a container: the master runs by itself, and systemd cannot be spoken to."""
    own.run("systemctl stop condor", timeout=90)
    try:
        own.run(["sh", "-c", "condor_master > /dev/null 2>&1"])
        pool.wait_for_slot(own)
        with site.policy(own, '[vm]\nmemory = "1G"\n'):
            hidden = ["mount -t tmpfs tmpfs /run/systemd", "mount -t tmpfs tmpfs /run/dbus", APPLY]
            output = own.run(["unshare", "--mount", "sh", "-ec", "; ".join(hidden)], timeout=90).stdout
        assert "VM_Memory = 1024" in output
        assert offered_memory(own) == 1024
    finally:
        own.run("condor_off -daemon master", check=False)
        own.wait_until(lambda: own.run("pgrep condor_master", check=False).returncode == 1, "the master ends", 60)
        own.run("systemctl start condor")


@pytest.mark.guest
def test_stopped_htcondor_takes_it_up_when_it_starts(own: Node) -> None:
    own.run("systemctl stop condor", timeout=90)
    with site.policy(own, '[vm]\nmemory = "1G"\n'):
        try:
            output = own.run(APPLY).stdout
            assert output == f"wrote {SNIPPET}\nHTCondor is not running; it will use this when it starts.\n"
        finally:
            own.run("systemctl start condor")
        wait_for_memory(own, 1024)


@pytest.mark.guest
def test_each_start_of_htcondor_finds_anew_what_the_policy_says(own: Node) -> None:
    own.run("systemctl stop condor", timeout=90)
    with site.policy(own, '[vm]\nmemory = "1G"\n'):
        own.run("systemctl start condor", timeout=90)
        wait_for_memory(own, 1024)
