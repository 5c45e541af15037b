"""A job's ad as HTCondor hands it over, not parsed yet: its length, and of which universe the job seems to be.

The hook runs for each job, and most are not of VM universe: this imports nothing.
"""

LARGEST = 4 << 20  # bytes; an ordinary ad has 5 KiB
_UNIVERSE = b"jobuniverse = "
_VM = b"13"


def is_vm_job(data: bytes) -> bool:
    """Return whether an ad is of VM universe without doubt: a line of a string may look like another JobUniverse."""
    lines = [line for line in data.split(b"\n") if line[: len(_UNIVERSE)].lower() == _UNIVERSE]
    return {line[len(_UNIVERSE) :] for line in lines} == {_VM}
