"""Cache of the parsed table [staging]: the generator writes it, so that the plug-in need not parse TOML (load.py)."""

import marshal

from .. import __version__, installed
from .model import Policy, StagingPolicy


def to_bytes(policy: Policy) -> bytes:
    """Return the content of installed.STAGING_CACHE: the policy's text and the values of its table [staging]."""
    values = [getattr(policy.staging, name) for name in StagingPolicy.__slots__]
    return marshal.dumps((__version__, policy.text, values))


def load(text: bytes) -> "StagingPolicy | None":
    """Return the table [staging] of the policy with this text, None if the cache is missing or of another text."""
    try:
        with open(installed.STAGING_CACHE, "rb") as file:
            version, known, values = marshal.load(file)
    except (OSError, EOFError, TypeError, ValueError):  # for example written by another Python's marshal
        return None
    if (version, known) != (__version__, text):
        return None
    staging = StagingPolicy()
    for name, value in zip(StagingPolicy.__slots__, values):
        setattr(staging, name, value)
    return staging
