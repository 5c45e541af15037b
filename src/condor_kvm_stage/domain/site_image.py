"""Images of the site's: if guests may not read one, the node is at fault, as with a boolean of SELinux's that is off.

Only root can have taken from guests what everybody may read. If a user could, that user could take VM universe from the
node.
"""

from __future__ import annotations

import os
import stat

from ..share import paths


def belongs(path: str, directories: list[str]) -> bool:
    """Return whether an image in one of the policy's image_dirs is root's, and only root can change that.

    path: absolute. Can hang with a share.
    """
    if not paths.lies_under(path, directories) or os.path.realpath(path) != path:
        return False
    place = path
    while True:
        try:
            status = os.stat(place)
        except OSError:
            return False
        if status.st_uid != 0 or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return False
        if place == "/":
            return True
        place = os.path.dirname(place)
