"""Entry point of the hook, which HTCondor's starter runs for each job; of those of other universes it says nothing."""

import sys

from . import raw_ad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_USAGE = """\
usage: condor-kvm-stage-prepare < AD

Say why a VM universe job would be refused, before its virtual machine is defined, so
that the job goes on hold with the reason. HTCondor's condor_starter runs this for each
job (KVMSTAGE_HOOK_PREPARE_JOB); nobody need run it by hand. What a job may ask for is
in condor-kvm-stage-domain(8).

  AD   the job's ad in the long format, on standard input
"""


def main(arguments: "Sequence[str]" = ()) -> int:
    """Run as a hook, before the vm-gahp: print why a VM universe job would be refused. Returns the exit status."""
    if list(arguments) in (["-h"], ["--help"]):
        sys.stdout.write(_USAGE)
        return 0
    if sys.stdin is None:  # closed at start
        return 0
    if sys.stdin.isatty():  # somebody has typed its name
        sys.stderr.write(_USAGE)
        return 2
    data = sys.stdin.buffer.read(raw_ad.LARGEST + 1)
    if not raw_ad.is_vm_job(data):  # if that is ambiguous, the builder still checks
        return 0
    from . import cli  # takes longer than all of this, and most jobs do not need it

    cli.prepare(data)
    return 0
