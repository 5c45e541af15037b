"""The plug-in under a real starter, in vanilla universe jobs, which need no KVM: success and bad input."""

from __future__ import annotations

import pytest

from testnode import jobs, pool, recipe
from testnode.node import Node

# What a bad URL (by a name for the job) must make of HoldReason. All jobs are submitted at once, then looked at.
BAD_URLS = {
    "missing": ("nfs:///srv/images/missing.qcow2:disk", "cannot open image /srv/images/missing.qcow2: No such file"),
    "unreadable": ("nfs:///srv/images/secret.raw:disk", "cannot open image /srv/images/secret.raw: Permission denied"),
    "nameless": (f"nfs://{jobs.BASE}", "does not name the overlay"),
    "slash": (f"nfs://{jobs.BASE}:../disk", "the overlay's name '../disk' contains a slash"),
    "dots": (f"nfs://{jobs.BASE}:..", "the overlay's name '..' begins with a dot"),
    "existing": (f"nfs://{jobs.BASE}:mine, mine", "/mine exists already and is not overwritten"),
    "server": ("nfs://server/export/base.qcow2:disk", "names a server (server)"),
}


@pytest.fixture(scope="module")
def held(worker: Node) -> dict[str, pool.Ad]:
    """The ads of the jobs with BAD_URLS, all on hold."""
    secret = worker.root / "srv/images/secret.raw"
    secret.write_bytes(b"\0" * 4096)
    secret.chmod(0o600)
    (worker.root / "home" / recipe.USER / "mine").write_text("the job's own input", encoding="utf-8")
    clusters = {
        name: pool.submit(worker, f"{name}.sub", jobs.staging_job(url, name)) for name, (url, _) in BAD_URLS.items()
    }
    return {name: pool.wait_for_hold(worker, cluster) for name, cluster in clusters.items()}


def test_ordinary_job_finds_the_overlay_and_nothing_else_of_ours(worker: Node) -> None:
    url = f"nfs://{jobs.BASE}:disk.qcow2"
    pool.submit(worker, "staging.sub", jobs.staging_job(url, "staging"))
    assert "Normal termination (return value 0)" in pool.wait_for_end(worker, "staging.log", 60)
    listing = (worker.root / "home" / recipe.USER / "staging.out").read_text(encoding="utf-8").split()
    assert "disk.qcow2" in listing
    assert [name for name in listing if "plugin" in name or name.startswith("base.qcow2")] == []


@pytest.mark.parametrize("name", BAD_URLS)
def test_bad_input_holds_the_job_with_a_message_that_says_why(held: dict[str, pool.Ad], name: str) -> None:
    _, message = BAD_URLS[name]
    reason = held[name]["HoldReason"]
    assert message in reason
    assert "using protocol nfs" in reason
    assert "Traceback" not in reason


@pytest.mark.parametrize("name", BAD_URLS)
def test_htcondor_records_the_plugins_exit_status_1_for_bad_input(held: dict[str, pool.Ad], name: str) -> None:
    # 13: the job's input could not be transferred; the subcode for a plug-in that exits with status n is n * 256
    assert (held[name]["HoldReasonCode"], held[name]["HoldReasonSubCode"]) == (13, 1 << 8)


@pytest.mark.parametrize("name", BAD_URLS)
def test_plugin_leaves_no_file_behind_after_bad_input(worker: Node, name: str) -> None:
    """The same URL by hand, as the job's user, in a directory that can be looked at."""
    url = BAD_URLS[name][0].split(",")[0]
    directory = f"/home/{recipe.USER}/by-hand-{name}"
    worker.run(["mkdir", directory], user=recipe.USER)
    if name == "existing":
        worker.run(["cp", f"/home/{recipe.USER}/mine", directory], user=recipe.USER)
    before = worker.run(["ls", "-lA", directory]).stdout
    result = worker.run(["/usr/local/bin/vm-nfs-plugin", url, f"{directory}/x"], user=recipe.USER, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("vm-nfs-plugin: ")
    assert worker.run(["ls", "-lA", directory]).stdout == before
