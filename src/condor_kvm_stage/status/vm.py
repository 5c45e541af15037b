"""What is known of a job's virtual machine."""

from __future__ import annotations

from ..record import dataclass


@dataclass(frozen=True)
class Vm:
    """A virtual machine of a job. None, or "", stands for what is not known."""

    name: str  # libvirt's: unique on the node
    uuid: str
    job: str  # cluster and process
    owner: str  # the job's user, who is QEMU's
    state: str  # "running", "paused" …
    reason: str  # of the state, "" if it needs none
    images: tuple[str, ...]  # paths of the base images of its overlays
    memory: int  # bytes
    cpus: int
    disk: int | None  # bytes that its disks use in EXECUTE
    started: float | None  # when QEMU started, as Unix time
    cpu_seconds: float | None  # that QEMU has used
    address: str = ""
    console: str = ""  # last line, printable

    @property
    def shown_state(self) -> str:
        """The state with its reason."""
        return f"{self.state}: {self.reason}" if self.reason else self.state


@dataclass(frozen=True)
class Vms:
    """The virtual machines that run on this node."""

    of_jobs: tuple[Vm, ...]
    others: int  # how many run that are no job's
