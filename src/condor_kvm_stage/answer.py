"""What running a program gave: its status and output, or why it did not run or end."""

from __future__ import annotations

from .record import dataclass

NO_STATUS = -1  # in place of an exit status: the program could not be run, did not end in time, or a signal ended it
LATE = " did not end within "  # in the fault of a program that did not end in time


@dataclass(frozen=True)
class Answer:
    """The result of running a program."""

    status: int  # exit status, or NO_STATUS
    output: str = ""  # stdout
    errors: str = ""  # stderr
    fault: str = ""  # why the program did not run or end, "" if it did

    @property
    def reason(self) -> str:
        """Why it did not succeed, on one line: the fault, or the last line of its output."""
        lines = (self.errors or self.output).strip().splitlines()
        return self.fault or (lines[-1] if lines else f"exit status {self.status}")

    @property
    def late(self) -> bool:
        """Whether it is only known that there was no answer in time: the node may be busy."""
        return LATE in self.fault
