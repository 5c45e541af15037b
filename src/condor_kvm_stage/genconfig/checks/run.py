"""--check: gather findings, evaluate and print them; or try to stage one image."""

from __future__ import annotations

import sys
import time

from ...host import Host
from ...installed import SNIPPET
from ...policy.model import Policy, PolicyError
from ...text import printable
from .. import checks, progress
from ..snippet import file, wanted
from . import image_trials, layout, report, trials
from .model import WHEN_LESS_BUSY


def run(url: str, host: Host, *, as_json: bool, verbosity: report.Verbosity) -> int:
    """Check the node or, given a URL, whether that image can be staged. Returns the exit status."""
    with progress.showing(host, sys.stderr):
        results = [_image(url, host)] if url else checks.evaluate(gather(host))
    if as_json:
        sys.stdout.write(report.as_json(results))
    else:
        for line in report.lines(results, layout.of_stream(sys.stdout), verbosity=verbosity, whole=not url):
            print(line)
    return 1 if report.failed(results) else 0


def gather(host: Host) -> checks.Findings:
    """Gather everything that the checks need to know about a host."""
    fault, policy = "", None
    try:
        policy = wanted.policy_of(host)
        host.patience = policy.htcondor.patience
        host.deadline = time.monotonic() + host.patience
        fault = trials.policy_is_readable(host).reason
    except PolicyError as error:
        fault = error.fault
    found = wanted.for_host(host, policy or Policy())
    return checks.Findings(
        facts=found.facts,
        trials=trials.carry_out(host, found.facts, policy),
        policy=policy,
        policy_fault=fault,
        values=found.values,
        snippet=host.text(SNIPPET),
        wanted=found.text,
        copies=tuple(file.copies(host, found.facts.htcondor.files)),
    )


def _image(url: str, host: Host) -> checks.Check:
    outcome = image_trials.stage(host, url)
    shown = printable(url)
    if outcome.unknown and not trials.plugin_answers(host).passed:  # which needs no share: the node itself is slow
        found = f"{shown}: not known whether it can be staged: {outcome.reason}"
        return checks.Check("images", "image", checks.Level.WARN, found, WHEN_LESS_BUSY)
    if outcome.failed or outcome.unknown:
        step = "fix this, then try again; vm-nfs-plugin(1) says which images and URLs are valid"
        return checks.Check("images", "image", checks.Level.FAIL, f"{shown} cannot be staged: {outcome.reason}", step)
    user = host.job_user() or "this user"
    return checks.Check("images", "image", checks.Level.OK, f"{shown} can be staged (tried as {user})")
