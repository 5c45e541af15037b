"""A root with the automount daemon, autofs, which Debian's stable release has and its testing has not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from . import container, root_apt
from .recipe import Release
from .run import progress


@contextlib.contextmanager
def tree() -> Iterator[Path]:
    """Yield a copy of the stable release's root that has autofs, to boot a node from. Raises TestNodeError."""
    with container.tree(Release.TRIXIE) as place:
        progress("installing autofs in a copy of Debian trixie's root")
        root_apt.install(place, "autofs", finish="systemctl disable autofs", timeout=300)
        yield place
