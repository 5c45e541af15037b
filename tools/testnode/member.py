"""A node as a member of a pool of several: its name and address, what HTCondor runs on it, how it proves who it is."""

from __future__ import annotations

import contextlib
import enum
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DOMAIN = "pool.test"
_NETWORK = "10.177.0"
_UNIT = "member-address.service"
_TOKEN = "etc/condor/tokens.d/pool"
# Its own DAEMON_LIST instead of the node's, which is a pool by itself. Only a token tells one member from a stranger;
# users are the same on all.
_CONFIG = """\
DAEMON_LIST = MASTER {daemons}
CONDOR_HOST = {manager}
NETWORK_INTERFACE = {address}
DEFAULT_DOMAIN_NAME = {domain}
UID_DOMAIN = {domain}
TRUST_DOMAIN = {domain}
SEC_DEFAULT_AUTHENTICATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION_METHODS = FS, IDTOKENS
"""
_ADDRESS = """\
[Unit]
Description=The member's address
Before=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip address add {address}/24 dev host0
ExecStart=ip link set host0 up
[Install]
WantedBy=network-online.target
"""


class Role(enum.Enum):
    """What a member does: the daemons that HTCondor's master starts there."""

    MANAGER = "COLLECTOR NEGOTIATOR"
    ACCESS = "SCHEDD"
    EXECUTE = "STARTD"


@dataclass(frozen=True)
class Member:
    """A member of a pool, to boot. network: of network.bridge(). files: of the node, over those of its release."""

    name: str
    network: int
    files: Path


@contextlib.contextmanager
def prepared(
    roles: Mapping[str, Role], network: int, more: Mapping[str, Mapping[str, str]]
) -> Iterator[dict[str, Member]]:
    """Yield the members of a pool by their short names, with addresses in a network.

    more: the text of further files by their paths, by the member's name.
    """
    hosts = {name: f"{_NETWORK}.{number}" for number, name in enumerate(roles, 1)}
    (manager,) = [name for name, role in roles.items() if role is Role.MANAGER]
    table = "127.0.0.1 localhost\n" + "".join(f"{at} {name}.{DOMAIN} {name}\n" for name, at in hosts.items())
    with tempfile.TemporaryDirectory() as scratch:
        members = {}
        for name, role in roles.items():
            settings = {"daemons": role.value, "manager": f"{manager}.{DOMAIN}", "address": hosts[name]}
            contents = {
                "etc/hostname": f"{name}.{DOMAIN}\n",
                "etc/hosts": table,
                f"etc/systemd/system/{_UNIT}": _ADDRESS.format(address=hosts[name]),
                "etc/condor/config.d/15-member.conf": _CONFIG.format(domain=DOMAIN, **settings),
                **more.get(name, {}),
            }
            files = Path(scratch, name)
            _write(files, contents)
            members[name] = Member(f"{name}.{DOMAIN}", network, files)
        yield members


def _write(files: Path, contents: Mapping[str, str]) -> None:
    for path, text in contents.items():
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).write_text(text, encoding="utf-8")
    for name in ("passwords.d", "tokens.d"):
        (files / "etc/condor" / name).mkdir(mode=0o700)
    wanted = files / f"etc/systemd/system/network-online.target.wants/{_UNIT}"
    wanted.parent.mkdir()
    wanted.symlink_to(f"../{_UNIT}")


def token_file(root: Path) -> Path:
    """Return where the token of a member is, in its file system."""
    return root / _TOKEN
