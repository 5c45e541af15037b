"""Load the site's policy, without importing a TOML parser if it has no settings.

The plug-in loads the policy at every start, and TOML is expensive to import and parse (20 ms; the interpreter needs
13). So a file without settings, as the package installs it, is recognised without TOML; and for a policy with settings
the generator caches the parsed table [staging].
"""

import posix

from .. import installed
from .model import Policy, PolicyError, StagingPolicy


def load(path: "str | None" = None) -> Policy:
    """Return the policy at `path`, by default the node's. If there is no file, it is the default policy.

    Raises PolicyError, which names file and line.
    """
    path = path or installed.POLICY
    text = read(path)
    if _has_no_settings(text):
        return Policy(text)
    from . import toml_reader

    return toml_reader.parse(text, path)


def load_staging() -> StagingPolicy:
    """Return load().staging; from the cache if the generator has parsed the same text."""
    text = read(installed.POLICY)
    if _has_no_settings(text):
        return StagingPolicy()
    from . import staging_cache

    return staging_cache.load(text) or load().staging


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


def _has_no_settings(text: bytes) -> bool:
    """Return whether all lines are empty, comments, or the first header of one of our tables."""
    tables = {b"[%s]" % table.encode() for table in Policy.TABLES}
    for line in text.split(b"\n"):
        line = line.strip()
        if line in tables:
            tables.remove(line)
        elif line and not line.startswith(b"#"):
            return False
    return True
