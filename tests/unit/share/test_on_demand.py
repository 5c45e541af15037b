"""A server that is not mounted yet: its export may be what autofs mounts when its path on the node is used."""

from __future__ import annotations

from condor_kvm_stage.share import mounts, on_demand

BINFMT = "30 24 0:28 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw,fd=29,direct\n"


def step(*automounts: str) -> str:
    """Return what is said on a node with these: the mount point and the map of each."""
    lines = [
        f"36 24 0:5{number} / {each.replace(' ', ' rw - autofs ')} rw,fd=6\n" for number, each in enumerate(automounts)
    ]
    return on_demand.step(mounts.entries(BINFMT + "".join(lines)), "filer", "/export/images/base.qcow2")


def test_node_without_automounter_does_not_speak_of_one() -> None:
    said = step()
    assert said.startswith("ask the administrator to mount it, or give the image's path on the node: nfs:///")


def test_what_is_mounted_on_demand_is_named_with_the_form_that_mounts_it() -> None:
    said = step("/home /etc/auto.home", "/srv/images systemd-1")
    assert "autofs mounts on demand (/home, /srv/images), write the image's path on the node, nfs:///" in said
    assert "binfmt" not in said


def test_many_automounts_are_not_all_in_the_message() -> None:
    said = step(*(f"/srv/{number} auto.direct" for number in range(9)))
    assert "(/srv/0, /srv/1, /srv/2, /srv/3, /srv/4 and 4 more)" in said


def test_path_below_the_map_of_all_servers_is_spelled_out_if_it_can_only_be_there() -> None:
    assert step("/net -hosts") == "/net is mounted on demand: write nfs:///net/filer/export/images/base.qcow2"
    assert "on demand (/home, /net), write the image's path" in step("/home /etc/auto.home", "/net -hosts")
