"""The seed of a guest: the data for cloud-init (its data source NoCloud), on a small CD image that the node makes.

Made by the hook, as the job's user; the builder attaches it. What is in the job's own files is a matter of the guest's;
that they are files, and of what size, is looked at here.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Mapping

from ..failures import NodeError, ParameterError, SpecificationError
from ..job import META_DATA, SEED, SEED_FILES, SSH_KEY, USER_DATA
from ..record import dataclass
from ..text import printable
from .job_ad import Ad

VENDOR_DATA = "vendor-data"
LARGEST = 1 << 20  # bytes of a file that the job brings
XORRISO = "/usr/bin/xorriso"
_TIMEOUT = 30  # seconds for xorriso, which takes less than one
# A line of authorized_keys (sshd(8)) without options
_KEY = re.compile(
    r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"
    r" [A-Za-z0-9+/]{40,4000}={0,2}( [A-Za-z0-9@._+:-]{1,100})?"
)
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # it may be a FIFO


@dataclass(frozen=True)
class Data:
    """What a seed is made of."""

    brought: Mapping[str, bytes]  # the job's own files, by their names
    key: str  # the job's public ssh key, "" if it has none


def of_job(ad: Ad, scratch: str) -> Data:
    """Return what a job has for its seed. Raises StageError."""
    key = ad.string(SSH_KEY) or ""
    if key and not _KEY.fullmatch(key):
        raise ParameterError(
            f"{SSH_KEY} is '{printable(key[:60])}'; write the line of the file *.pub, as MY.{SSH_KEY} = "
            '"ssh-ed25519 AAAA… name"'
        )
    brought = {name: content for name in SEED_FILES if (content := _read(scratch, name)) is not None}
    if key and META_DATA in brought:
        raise ParameterError(
            "the job brings meta-data, so write the ssh key there, as public-keys, and omit VMPARAM_SSH_Key"
        )
    return Data(brought, key)


def files(data: Data, job: str, vendor_data: bytes) -> dict[str, bytes]:
    """Return the files of a seed, by name. job: its number, as 12.0. vendor_data: b"" for none."""
    import json  # these, and those in make(), for jobs that have a seed
    import secrets

    meta: dict[str, object] = {
        # cloud-init takes the same id for the same machine, which it has set up already
        "instance-id": f"{job}-{secrets.token_hex(8)}",
        "local-hostname": f"job-{job.replace('.', '-')}",
    }
    if data.key:
        meta["public-keys"] = [data.key]
    if not data.brought:
        meta["dsmode"] = "local"  # cloud-init does not wait for a network: nothing here needs it
    made = {USER_DATA: b"#cloud-config\n{}\n", META_DATA: json.dumps(meta).encode() + b"\n"}  # JSON is YAML
    return {**made, **data.brought, **({VENDOR_DATA: vendor_data} if vendor_data else {})}


def make(content: Mapping[str, bytes], scratch: str) -> None:
    """Make the image in the scratch directory. Raises StageError."""
    import shutil
    import subprocess
    import tempfile

    path = f"{scratch}/{SEED}"
    if os.path.lexists(path):
        raise ParameterError(f"the job brings a file {SEED}, which this node makes itself; rename that file")
    if not os.access(XORRISO, os.X_OK):
        raise NodeError(
            "this node cannot make the disk with the data for cloud-init: it has no xorriso, which its administrator "
            "can install"
        )
    directory = ""
    try:
        directory = tempfile.mkdtemp(prefix=f"{SEED}-", dir=scratch)
        for name, data in content.items():
            with open(f"{directory}/{name}", "xb") as file:
                file.write(data)
        # As virt-install does
        command = [XORRISO, "-as", "mkisofs", "-quiet", "-o", path, "-J", "-r", "-V", "CIDATA", directory]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT, env={"LC_ALL": "C"}, check=False
        )
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
            raise NodeError(f"xorriso cannot make the disk with the data for cloud-init: {printable(words)}")
    except subprocess.TimeoutExpired as error:
        raise NodeError(f"xorriso has not made the disk with the data for cloud-init in {_TIMEOUT} s") from error
    except OSError as error:
        raise NodeError(f"cannot make {path}: {error.strerror}; tell the administrator") from error
    finally:
        if directory:
            shutil.rmtree(directory, ignore_errors=True)


def _read(scratch: str, name: str) -> bytes | None:
    """Return the content of a file that the job brings, None if it brings none."""
    try:
        descriptor = os.open(f"{scratch}/{name}", _READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = "is a symlink" if stat.S_ISLNK(_mode(scratch, name)) else f"cannot be read: {error.strerror}"
        raise SpecificationError(f"{name} {why}; let the job bring a file", check="file_type") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SpecificationError(f"{name} is not a regular file; let the job bring a file", check="file_type")
        content = os.read(descriptor, LARGEST + 1)  # of a regular file it is all, or so much
    finally:
        os.close(descriptor)
    if len(content) > LARGEST:
        raise SpecificationError(f"{name} has more than {LARGEST >> 20} MiB; bring large files by themselves")
    return content


def _mode(scratch: str, name: str) -> int:
    with contextlib.suppress(OSError):
        return os.lstat(f"{scratch}/{name}").st_mode
    return 0
