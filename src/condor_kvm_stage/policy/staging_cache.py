"""What the generator has read of the policy, left to the plug-in, for which TOML is dear: see policy.py."""

import marshal

from .. import __version__, installed
from .model import Policy, StagingPolicy


def remembered(policy: Policy) -> bytes:
    """Return what to write to installed.STAGING_CACHE: the policy's text, and what its table [staging] says."""
    values = [getattr(policy.staging, name) for name in StagingPolicy.__slots__]
    return marshal.dumps((__version__, policy.text, values))


def recall(text: bytes) -> "StagingPolicy | None":
    """Return the table [staging] of the policy with this text, None if another was left, or none."""
    try:
        with open(installed.STAGING_CACHE, "rb") as file:
            version, known, values = marshal.load(file)
    except (OSError, EOFError, TypeError, ValueError):  # of another Python's marshal
        return None
    if (version, known) != (__version__, text):
        return None
    staging = StagingPolicy()
    for name, value in zip(StagingPolicy.__slots__, values):
        setattr(staging, name, value)
    return staging
