"""What differs between two outputs of a program, as pairs of an old text, which the first has once, and a new one."""

from __future__ import annotations

import difflib

Edit = tuple[str, str]


def between(old: str, new: str) -> list[Edit]:
    """Return the edits that make new of old, when they are made one after the other.

    Lines that stand there more than once take lines around them along, until the old text is there only once.
    """
    before, after = old.splitlines(True), new.splitlines(True)
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    changes = [(i1, i2, j1, j2) for what, i1, i2, j1, j2 in blocks if what != "equal"]
    made: list[Edit] = []
    text = old
    for i1, i2, j1, j2 in changes:
        # What is before i1 has been edited, and reads as in `after`
        up, down = 0, 0
        while True:
            lead, tail = "".join(after[j1 - up : j1]), "".join(before[i2 : i2 + down])
            edit = (lead + "".join(before[i1:i2]) + tail, lead + "".join(after[j1:j2]) + tail)
            if edit[0] and text.count(edit[0]) == 1:
                break
            if up < j1:
                up += 1
            elif i2 + down < len(before):
                down += 1
            else:
                return [(old, new)]
        text = text.replace(*edit)
        made.append(edit)
    return [(old, new)] if text != new else made


def size(edits: list[Edit]) -> int:
    """Return how many lines the edits take."""
    return sum(len(old.splitlines()) + len(new.splitlines()) for old, new in edits)
