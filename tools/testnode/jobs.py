"""The jobs that the demo and the tests submit."""

from __future__ import annotations

from pathlib import Path

BASE = "/srv/images/base.qcow2"

# The example that the package installs must work.
VM_JOB = (Path(__file__).parents[2] / "packaging/vm-job.sub").read_text(encoding="utf-8")
VM_JOB_LOG = "vm-job.log"
VM_JOB_DISK = "disk.qcow2"


def staging_job(inputs: str, name: str, *, command: str = "/bin/ls -A", output: str = '""', more: str = "") -> str:
    """Return a vanilla universe job, which needs no KVM: its starter stages the URLs in inputs, it runs a command.

    The job's output and event log are `name`.out and `name`.log. output: the value of transfer_output_files. more:
    further lines of the submit file.
    """
    executable, _, arguments = command.partition(" ")
    return f"""\
universe = vanilla
executable = {executable}
arguments = {arguments}
transfer_executable = False
should_transfer_files = YES
transfer_input_files = {inputs}
transfer_output_files = {output}
output = {name}.out
log = {name}.log
request_memory = 16
request_disk = 1024
{more}
queue
"""
