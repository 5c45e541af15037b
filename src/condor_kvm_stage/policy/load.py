"""Read the site's policy: at once where it says nothing, with TOML's reader where it does.

The plug-in does this at every start, and TOML is expensive to import and to read (20 ms beside an interpreter's 13). So
a file without settings, as the package installs it, is recognised without; and for a policy with settings the generator
caches the parsed table [staging].
"""

import posix

from .. import installed
from .model import Policy, PolicyError, StagingPolicy


def load(path: "str | None" = None) -> Policy:
    """Read the policy at `path`, by default the node's. Without a file it is the default policy.

    Raises PolicyError, which names file and line.
    """
    path = path or installed.POLICY
    text = read(path)
    if _says_nothing(text):
        return Policy(text)
    from . import toml_reader

    return toml_reader.parse(text, path)


def load_staging() -> StagingPolicy:
    """Return load().staging; without reading TOML, if the generator has seen the same text."""
    text = read(installed.POLICY)
    if _says_nothing(text):
        return StagingPolicy()
    from . import staging_cache

    return staging_cache.recall(text) or load().staging


def read(path: str) -> bytes:
    """Return the text of a policy, empty if there is none. Raises PolicyError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise PolicyError(
            f"cannot read the site's policy {path}: {error.strerror}; the administrator of {posix.uname().nodename} "
            f"must make it readable for all: chmod 644 {path}"
        ) from error


def _says_nothing(text: bytes) -> bool:
    """Return whether all lines are empty, comments, or begin a table that no line has begun before."""
    tables = {b"[%s]" % table.encode() for table in Policy.TABLES}
    for line in text.split(b"\n"):
        line = line.strip()
        if line in tables:
            tables.remove(line)
        elif line and not line.startswith(b"#"):
            return False
    return True
