"""Output files under a real starter: onto the share where policy allows it, else on hold with the reason."""

from __future__ import annotations

import json

import pytest

from testnode import evidence, jobs, pool, recipe, site
from testnode.node import Node

RESULTS = "srv/results"
OPEN = f'[staging]\noutput_dirs = ["/{RESULTS}"]\n'
WRITE = "/bin/cp /etc/hostname result"


@pytest.fixture(scope="module")
def results(starter: Node) -> str:
    """A directory that every user may write to. Returns its path on the node."""
    starter.run(["mkdir", "--mode=1777", f"/{RESULTS}"])
    return f"/{RESULTS}"


def upload_job(name: str, more: str, command: str = WRITE, output: str = "result", inputs: str = "") -> str:
    return jobs.staging_job(inputs, name, command=command, output=output, more=more)


def recorded(starter: Node, status: int) -> tuple[int, int]:
    """HoldReasonCode and HoldReasonSubCode of a job whose output the plug-in refused with an exit status."""
    # 12: the job's output could not be transferred; HTCondor 23 then records no exit status
    return 12, 1 if pool.major_version(starter) == 23 else status << 8


def test_output_destination_brings_the_file_to_the_share_as_the_jobs_user(starter: Node, results: str) -> None:
    with site.policy(starter, OPEN):
        pool.run_to_end(starter, "dest", upload_job("dest", f"output_destination = nfs://{results}"))
    assert starter.run(["cat", f"{results}/result"]).stdout == f"{recipe.HOSTNAME}\n"
    assert starter.run(["stat", "--format=%U", f"{results}/result"]).stdout == f"{recipe.USER}\n"
    assert not (starter.root / "home" / recipe.USER / "result").exists()


def test_output_destination_with_an_option_takes_a_name_as_it_is(starter: Node, results: str) -> None:
    name = "50%41.txt"
    (starter.root / RESULTS / name).write_text("before", encoding="utf-8")
    starter.run(["chown", recipe.USER, f"{results}/{name}"])
    more = f"output_destination = nfs://{results}?overwrite=yes"
    with site.policy(starter, OPEN):
        job = upload_job("percent", more, command=f"/bin/cp /etc/hostname {name}", output=name)
        pool.run_to_end(starter, "percent", job)
    assert starter.run(["cat", f"{results}/{name}"]).stdout == f"{recipe.HOSTNAME}\n"


def test_remap_brings_one_file_to_the_share_and_the_rest_to_the_submitter(starter: Node, results: str) -> None:
    more = f'transfer_output_remaps = "result = nfs://{results}/remapped"'
    with site.policy(starter, OPEN):
        pool.run_to_end(starter, "remap", upload_job("remap", more))
    assert starter.run(["cat", f"{results}/remapped"]).stdout == f"{recipe.HOSTNAME}\n"


def test_overlay_becomes_a_standalone_image_on_the_share(starter: Node, results: str) -> None:
    more = f'transfer_output_remaps = "disk = nfs://{results}/flat.qcow2?standalone=yes"'
    job = upload_job("flat", more, command="/bin/true", output="disk", inputs=f"nfs://{jobs.BASE}:disk")
    with site.policy(starter, OPEN):
        pool.run_to_end(starter, "flat", job)
    (image,) = evidence.backing_chain(starter, f"{results}/flat.qcow2")
    assert image["format"] == "qcow2"
    assert evidence.disk_content(starter, f"{results}/flat.qcow2") == evidence.disk_content(starter, jobs.BASE)


def test_output_that_policy_does_not_allow_holds_the_job(starter: Node, results: str) -> None:
    job = upload_job("closed", f'transfer_output_remaps = "result = nfs://{results}/closed"')
    ad = pool.run_to_hold(starter, "closed", job)
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == recorded(starter, 77)
    assert f"output may not be written to {results} (allowed: none)" in ad["HoldReason"]
    assert not (starter.root / RESULTS / "closed").exists()


def test_existing_file_holds_the_job_unless_the_url_says_overwrite(starter: Node, results: str) -> None:
    (starter.root / RESULTS / "taken").write_text("precious", encoding="utf-8")
    starter.run(["chown", recipe.USER, f"{results}/taken"])
    with site.policy(starter, OPEN):
        job = upload_job("taken", f'transfer_output_remaps = "result = nfs://{results}/taken"')
        ad = pool.run_to_hold(starter, "taken", job)
        assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == recorded(starter, 64)
        assert f"{results}/taken already exists and is not overwritten" in ad["HoldReason"]
        assert starter.run(["cat", f"{results}/taken"]).stdout == "precious"
        more = f'transfer_output_remaps = "result = nfs://{results}/taken?overwrite=yes"'
        pool.run_to_end(starter, "overwrite", upload_job("overwrite", more))
    assert starter.run(["cat", f"{results}/taken"]).stdout == f"{recipe.HOSTNAME}\n"
    left = json.loads(
        starter.run(["python3", "-c", f"import os, json; print(json.dumps(os.listdir('{results}')))"]).stdout
    )
    assert [name for name in left if name.startswith(".")] == []
