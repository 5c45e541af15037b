"""Servers in URLs: found where this node has mounted them, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.failures import ParameterError, ResolutionError
from condor_kvm_stage.share import mounts
from condor_kvm_stage.share.mounts import local_path, parse, read, server_of

MOUNTINFO = Path(__file__).parents[2] / "data/mountinfo/el9-nfs"
MOUNTS = parse(MOUNTINFO.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("server", "path", "local"),
    [
        ("filer.example.org", "/export/images/base.qcow2", "/srv/images/base.qcow2"),
        ("filer.example.org", "/export/images/two/base.qcow2", "/srv/images/site two/base.qcow2"),
        ("filer.example.org", "/export/images/twofold/x", "/srv/images/twofold/x"),
        ("filer.example.org", "/export/other/x", "/home/export/other/x"),
        ("filer.example.org", "//export/images/x", "/srv/images/x"),
        ("filer.example.org", "/export//images///two/./x", "/srv/images/site two/x"),
        ("filer.example.org", "/export/images/..x", "/srv/images/..x"),
        ("filer.example.org", "/export/images/", "/srv/images/"),
        ("[fd00::1]", "/vol/x", "/six/x"),
    ],
)
def test_longest_export_wins(server: str, path: str, local: str) -> None:
    assert local_path(server, path, MOUNTS) == local


@pytest.mark.parametrize(
    ("server", "path"),
    [
        ("elsewhere", "/export/images/x"),
        ("[fd00::1]", "/volume/x"),
        ("old.example.org", "/vol/x"),  # hidden by a mount on the same directory
        ("evil", "/vol/x"),  # any user can mount a FUSE file system, and say what its source is
        ("mon1", "/x"),
    ],
)
def test_server_that_is_not_mounted_is_an_error_that_says_what_is(server: str, path: str) -> None:
    with pytest.raises(ResolutionError) as caught:
        local_path(server, path, MOUNTS)
    message = str(caught.value)
    assert f"leads to {path} on the server {server}" in message
    assert "filer.example.org:/export/images on /srv/images" in message


@pytest.mark.parametrize("path", ["/export/images/../../etc/x", "/export/images/..", "/.."])
def test_path_on_a_server_goes_nowhere_but_down(path: str) -> None:
    """On the node `..` would leave the mount, so that the image would be none of that server's."""
    with pytest.raises(ParameterError, match=r"on filer\.example\.org: write the path on the server without '\.\.'"):
        local_path("filer.example.org", path, MOUNTS)


def test_node_without_nfs_says_so() -> None:
    with pytest.raises(
        ResolutionError, match=r"\(mounted here: none\); ask the administrator to mount it, or give the"
    ):
        local_path("filer", "/x", [])


def test_many_mounts_are_not_all_in_the_message() -> None:
    text = "".join(f"{n} 1 0:{n} / /mnt/{n} rw - nfs4 filer:/vol{n} rw\n" for n in range(100))
    with pytest.raises(ResolutionError, match="filer:/vol4 on /mnt/4 and 95 more"):
        local_path("filer", "/none", parse(text))


def test_files_server_is_that_of_the_mount_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "MOUNTINFO", str(MOUNTINFO))
    assert server_of("/srv/images/x") == "filer.example.org:/export/images"
    assert server_of("/srv/images/site two/x") == "filer.example.org:/export/images/two"
    assert server_of("/usr/x") == os.uname().nodename


def test_this_machines_own_mountinfo_is_understood() -> None:
    assert all(mount.mount_point.startswith("/") for mount in read())


@given(st.text("0123456789 /:-nfs4\\a\n"))
def test_lines_that_are_no_mounts_are_passed_over(text: str) -> None:
    for mount in parse(text):
        assert mount.export.startswith("/")


@pytest.mark.parametrize("odd", ["\\", "\\x", "\\04", "\\999", "x\\"])
def test_backslash_that_begins_no_escape_stands_for_itself(odd: str) -> None:
    """The kernel escapes each; what comes without is not for us to stumble over."""
    text = f"1 1 0:1 / /mnt/{odd} rw - nfs4 filer:/vol/{odd} rw\n2 1 0:2 / /fuse rw - fuse.x {odd} rw\n"
    (mount,) = parse(text)
    assert (mount.export, mount.mount_point) == (f"/vol/{odd}", f"/mnt/{odd}")


def test_octal_escapes_are_decoded() -> None:
    (mount,) = parse("1 1 0:1 / /a\\040b\\134040 rw - nfs4 filer:/vol\\011\\012\\043 rw\n")
    assert (mount.export, mount.mount_point) == ("/vol\t\n#", "/a b\\040")


def test_everything_that_is_mounted_has_its_type_and_source() -> None:
    entries = mounts.entries(MOUNTINFO.read_text(encoding="utf-8"))
    found = {point: entry[:2] for point, entry in entries.items()}
    assert found["/"] == ("xfs", "/dev/mapper/rl-root")
    assert found["/srv/images/site two"] == ("nfs4", "filer.example.org:/export/images/two")
    assert found["/home"] == ("nfs", "FILER.example.org:/")
    assert found["/mnt/old"] == ("ext4", "/dev/vdb1")  # the last one there
    assert list(found)[-1] == "/ceph"


def test_mount_that_hides_another_comes_where_it_was_mounted() -> None:
    mounted = [("/a", "1"), ("/b", "2"), ("/a", "3")]
    text = "".join(f"{kind} 1 0:{kind} / {point} rw - {kind} x rw\n" for point, kind in mounted)
    assert list(mounts.entries(text).items()) == [("/b", ("2", "x", "rw")), ("/a", ("3", "x", "rw"))]


PORTS = parse(
    "1 1 0:1 / /mnt/rdma rw - nfs4 filer:/vol rw,vers=4.2,proto=rdma,port=20049\n"
    "2 1 0:2 / /mnt/old rw - nfs4 old:/vol rw,vers=4.0,port=0\n"  # how Linux before 5.x shows none
    "3 1 0:3 / /mnt/plain rw - nfs plain.example.org:/vol rw,vers=3,mountport=635\n"
    "4 1 0:4 / /mnt/dot rw - nfs4 Dot.example.org.:/vol rw\n"
    "5 1 0:5 / /six rw - nfs4 [FD00:0::1]:/vol rw\n"
)


@pytest.mark.parametrize(
    ("server", "local"),
    [
        ("filer", "/mnt/rdma/x"),
        ("filer:20049", "/mnt/rdma/x"),
        ("old", "/mnt/old/x"),
        ("plain.example.org", "/mnt/plain/x"),
        ("dot.example.org", "/mnt/dot/x"),
        ("[fd00::1]", "/six/x"),
    ],
)
def test_port_that_is_given_is_that_of_the_mount(server: str, local: str) -> None:
    assert local_path(server, "/vol/x", PORTS) == local


@pytest.mark.parametrize(
    ("server", "path", "step"),
    [
        ("filer:2050", "/vol/x", "it is mounted here by port 20049, not 2050; write that, or no port"),
        ("old:20049", "/vol/x", "it is mounted here by port 2049, not 20049"),
        ("[fd00::1]:111", "/vol/x", "it is mounted here by port 2049, not 111"),
        ("plain", "/vol/x", "the mount here calls the server plain.example.org: write that name"),
        ("filer.example.org", "/vol/x", "the mount here calls the server filer: write that name"),
        ("filer", "/mnt/rdma/a/x", "that is the path on this node: write nfs:///mnt/rdma/a/x, or the path"),
        ("filer", "/mnt/rdma/a/x", "or the path on the server, /vol/a/x"),
        ("mnt", "/plain/x", "for a path on this node write three slashes: nfs:///mnt/plain/x"),
        ("filer", "/other/x", "ask the administrator to mount it"),
        ("fil", "/vol/x", "ask the administrator to mount it"),
        ("plain:2050", "/vol/x", "the mount here calls the server plain.example.org"),
    ],
)
def test_mistake_that_shows_is_named(server: str, path: str, step: str) -> None:
    with pytest.raises(ResolutionError) as caught:
        local_path(server, path, PORTS)
    assert step in str(caught.value)


@given(st.text("0123456789 /:-nfs4\\a\n,port="), st.text("fil:e"), st.text("/vol."))
def test_whatever_is_mounted_a_hint_is_printable(text: str, server: str, path: str) -> None:
    found = parse(text + "1 1 0:1 / /mnt rw - nfs4 file:/vol rw,port=\n2 1 0:1 / /m rw - nfs4 fil:/ rw,port=x\n")
    try:
        local_path(server.replace(":", "") + ":7", path, found)
    except (ParameterError, ResolutionError) as error:
        assert str(error).isprintable()
