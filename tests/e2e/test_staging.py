"""The plug-in under a real starter, in vanilla universe jobs, which need no KVM: success, and each kind of failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage import __version__
from testnode import evidence, jobs, pool, recipe, site
from testnode.node import Node

KEEP_INPUT = """\
#!/bin/sh
[ "$1" != -infile ] || cp "$2" /var/tmp/infile
exec /usr/local/bin/vm-nfs-plugin.away "$@"
"""
HOME = f"home/{recipe.USER}"

# What a bad transfer_input_files (by a name for the job) must make of the plug-in's exit status, and of HoldReason.
# All jobs are submitted at once, then looked at.
BAD_INPUT = {
    "missing": (
        "nfs:///srv/images/missing.qcow2:disk",
        65,
        "cannot open image /srv/images/missing.qcow2: No such file",
    ),
    "refused": ("nfs:///srv/images/json.qcow2:disk", 65, "has a backing file 'json:{}', which is not a path"),
    "unreadable": (
        "nfs:///srv/images/secret.raw:disk",
        77,
        "image /srv/images/secret.raw is not readable for the job's user",
    ),
    "slash": (f"nfs://{jobs.BASE}:../disk", 64, "the overlay's name '../disk' contains a slash"),
    "option": (f"nfs://{jobs.BASE}?sise=1G:disk", 64, "unknown option 'sise=1G'"),
    "existing": (f"nfs://{jobs.BASE}:mine, mine", 64, "/mine already exists and is not overwritten"),
    "server": ("nfs://filer/export/base.qcow2:disk", 68, "leads to /export/base.qcow2 on the server filer"),
    "two": (f"nfs:///srv/images/none:a, nfs://{jobs.BASE}:..", 65, "the overlay's name '..' begins with a dot"),
}


def recorded(ad: pool.Ad) -> tuple[int, int]:
    """HoldReasonCode and HoldReasonSubCode."""
    return ad["HoldReasonCode"], ad["HoldReasonSubCode"]


@pytest.fixture(scope="module")
def held(starter: Node) -> dict[str, pool.Ad]:
    """The ads of the jobs with BAD_INPUT, all on hold."""
    secret = starter.root / "srv/images/secret.raw"
    secret.write_bytes(b"\0" * 4096)
    secret.chmod(0o600)
    starter.run("qemu-img create -q -f qcow2 -u -F raw -b json:{} /srv/images/json.qcow2 1M")
    (starter.root / HOME / "mine").write_text("the job's own input", encoding="utf-8")
    clusters = {
        name: pool.submit(starter, f"{name}.sub", jobs.staging_job(urls, name))
        for name, (urls, _, _) in BAD_INPUT.items()
    }
    return {name: pool.wait_for_hold(starter, cluster) for name, cluster in clusters.items()}


def test_ordinary_job_finds_the_overlay_and_nothing_else_of_ours(starter: Node) -> None:
    listing = pool.run_to_end(starter, "staging", jobs.staging_job(f"nfs://{jobs.BASE}:disk.qcow2", "staging"))
    assert "disk.qcow2" in listing
    # the two are HTCondor's (23 leaves them there): what it asks a plug-in, and the answer
    left = set(listing) - {".vm-nfs-plugin.in", ".vm-nfs-plugin.out"}
    assert [name for name in left if "plugin" in name or name.startswith("base.qcow2")] == []


def test_eight_disks_of_one_job_in_every_form_of_url(starter: Node) -> None:
    starter.run(["cp", jobs.BASE, "/srv/images/a,b c?.qcow2"])
    starter.run(["ln", "-sf", "base.qcow2", "/srv/images/latest.qcow2"])
    forms = [
        f"nfs://{jobs.BASE}",
        f"nfs://{jobs.BASE}:named",
        f"nfs://{jobs.BASE}?size=1G:large",
        f"nfs://{jobs.BASE}?mode=copy&size=2G:copied",
        f"nfs://{jobs.BASE}?format=qcow2:stated",
        "nfs:///srv/images/a%2Cb%20c%3F.qcow2:escaped",
        "nfs:///srv/images/latest.qcow2:linked",
        "nfs:///srv/images/../images/base.qcow2:dotted",
    ]
    listing = pool.run_to_end(starter, "eight", jobs.staging_job(", ".join(forms), "eight"))
    names = {"base.qcow2", "named", "large", "copied", "stated", "escaped", "linked", "dotted"}
    assert names <= set(listing)
    assert not [name for name in listing if "?" in name or "%" in name or ":" in name]


def test_disk_that_comes_back_is_what_the_url_asked_for(starter: Node) -> None:
    url = f"nfs://{jobs.BASE}?mode=copy&size=1G:back.qcow2"
    pool.run_to_end(starter, "back", jobs.staging_job(url, "back", output="back.qcow2"))
    (image,) = evidence.backing_chain(starter, f"/{HOME}/back.qcow2")
    assert (image["format"], image["virtual-size"]) == ("qcow2", 1 << 30)


def test_what_a_job_says_to_plugins_does_not_disturb_this_one(starter: Node) -> None:
    nested = r'[ quoted = "a \"]\" \\ ; {"; list = { 1, "x;y", [ Url = "nfs:///etc/passwd" ] } ]'
    data = f'[ nested = {nested}; e = strcat("[", x) ]'
    more = f"+PluginData = {data}\n+nfs_PluginData = {data}"
    job = jobs.staging_job(f"nfs://{jobs.BASE}:disk", "data", more=more)
    # to see that it arrives: a script in the plug-in's place keeps what HTCondor gives to it
    starter.run("mv /usr/local/bin/vm-nfs-plugin /usr/local/bin/vm-nfs-plugin.away")
    script = starter.root / "usr/local/bin/vm-nfs-plugin"
    script.write_text(KEEP_INPUT, encoding="utf-8")
    script.chmod(0o755)
    try:
        assert "disk" in pool.run_to_end(starter, "data", job)
    finally:
        starter.run("mv /usr/local/bin/vm-nfs-plugin.away /usr/local/bin/vm-nfs-plugin")
    given = starter.run("cat /var/tmp/infile").stdout
    # HTCondor 23 does not hand it over; 25 does, for all plug-ins and for this one
    assert given.count("nfs:///etc/passwd") == (0 if pool.major_version(starter) == 23 else 2)


def test_slot_advertises_the_plugins_version(starter: Node) -> None:
    assert pool.slot_ad(starter)["NfsPluginVersion"] == __version__


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_holds_the_job_with_a_message_that_says_why(held: dict[str, pool.Ad], name: str) -> None:
    reason = held[name]["HoldReason"]
    assert BAD_INPUT[name][2] in reason
    assert "using protocol nfs" in reason
    assert "Traceback" not in reason


@pytest.mark.parametrize("name", BAD_INPUT)
def test_htcondor_records_the_plugins_exit_status(held: dict[str, pool.Ad], name: str) -> None:
    # 13: the job's input could not be transferred; the sub-code is the exit status times 256
    assert recorded(held[name]) == (13, BAD_INPUT[name][1] << 8)


@pytest.mark.parametrize("name", BAD_INPUT)
def test_plugin_leaves_no_file_behind_after_bad_input(starter: Node, name: str) -> None:
    """The same URL by hand, as the job's user, in a directory that can be looked at."""
    url, status, _ = BAD_INPUT[name]
    directory = f"/{HOME}/by-hand-{name}"
    starter.run(["mkdir", directory], user=recipe.USER)
    if name == "existing":
        starter.run(["cp", f"/{HOME}/mine", directory], user=recipe.USER)
    before = starter.run(["ls", "-lA", directory]).stdout
    plugin = ["/usr/local/bin/vm-nfs-plugin", url.split(",")[0], f"{directory}/x"]
    result = starter.run(plugin, user=recipe.USER, check=False)
    assert result.returncode == status
    assert result.stderr.startswith("vm-nfs-plugin: ")
    assert starter.run(["ls", "-lA", directory]).stdout == before


def test_policy_is_enforced_for_the_next_job(starter: Node) -> None:
    with site.policy(starter, '[staging]\nimage_dirs = ["/srv/other"]\n'):
        ad = pool.run_to_hold(starter, "closed", jobs.staging_job(f"nfs://{jobs.BASE}:disk", "closed"))
    assert recorded(ad) == (13, 77 << 8)
    assert f"image {jobs.BASE} is outside the directories for images (/srv/other)" in ad["HoldReason"]
    with site.policy(starter, '[staging]\nimage_dirs = ["/srv/images"]\n'):
        assert "disk" in pool.run_to_end(starter, "open", jobs.staging_job(f"nfs://{jobs.BASE}:disk", "open"))


def test_broken_policy_holds_the_job_and_names_the_line(starter: Node) -> None:
    with site.policy(starter, "[staging]\n\ntimeout = soon\n"):
        ad = pool.run_to_hold(starter, "broken", jobs.staging_job(f"nfs://{jobs.BASE}:disk", "broken"))
    assert recorded(ad) == (13, 78 << 8)
    assert f"the site's policy {site.POLICY} is broken" in ad["HoldReason"]
    assert "line 3" in ad["HoldReason"]


def test_full_disk_holds_the_job_and_says_so(starter: Node) -> None:
    """The scratch directories on a file system of 8 MiB, and a copy of 16 MiB."""
    starter.run("dd if=/dev/urandom of=/srv/images/random.raw bs=1M count=16 status=none")
    starter.run("mount -t tmpfs -o size=8M,mode=755,uid=condor,gid=condor tmpfs /var/lib/condor/execute")
    try:
        url = "nfs:///srv/images/random.raw?mode=copy:disk"
        ad = pool.run_to_hold(starter, "full", jobs.staging_job(url, "full"))
    finally:
        starter.run("umount --lazy /var/lib/condor/execute")
    assert recorded(ad) == (13, 74 << 8)
    assert "No space left on device" in ad["HoldReason"]
    assert "is full: ask for more with request_disk" in ad["HoldReason"]


def test_share_that_does_not_answer_holds_the_job_in_time(starter: Node) -> None:
    """A FUSE file system on the node that answers nothing but the question what its root is."""
    server = (Path(__file__).parent / "hanging_share.py").read_text(encoding="utf-8")
    (starter.root / "root/hanging_share.py").write_text(server, encoding="utf-8")
    starter.run("mkdir /srv/hanging")
    starter.run("systemd-run --quiet --collect --unit=hanging-share python3 /root/hanging_share.py /srv/hanging")
    starter.wait_until(lambda: " /srv/hanging fuse " in starter.run("cat /proc/mounts").stdout, "it is mounted", 30)
    try:
        with site.policy(starter, "[staging]\ntimeout = 3\n"):
            job = jobs.staging_job("nfs:///srv/hanging/base.qcow2:disk", "hanging")
            ad = pool.run_to_hold(starter, "hanging", job, timeout=30)
    finally:
        starter.run("systemctl kill --signal=KILL hanging-share")
        starter.run("umount --lazy /srv/hanging")
    assert recorded(ad) == (13, 69 << 8)
    assert "the share does not answer, nothing happened on worker for 3 s" in ad["HoldReason"]


def test_bug_holds_the_job_and_asks_for_a_report(starter: Node) -> None:
    module = starter.root / "usr/share/condor-kvm-stage/python/condor_kvm_stage/plugin/stage.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(f'{text}\n\ndef stage(*_):\n    raise ZeroDivisionError("for the test")\n', encoding="utf-8")
    try:
        ad = pool.run_to_hold(starter, "bug", jobs.staging_job(f"nfs://{jobs.BASE}:disk", "bug"))
    finally:
        module.write_text(text, encoding="utf-8")
    assert recorded(ad) == (13, 70 << 8)
    assert "bug in vm-nfs-plugin, please report it: ZeroDivisionError: for the test" in ad["HoldReason"]
