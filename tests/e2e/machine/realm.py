"""A Kerberos realm on a machine: its key distribution centre, the NFS server's and the node's keys, users' tickets."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from e2e.machine import filer
from testnode.node import Node

REALM = "TESTS.EXAMPLE"
MOUNT = "/srv/krb5p"
_SKEW = 5  # seconds for which a ticket that has expired is still taken; the default is 300
_FILES = {
    "etc/krb5.conf": f"""
[libdefaults]
    default_realm = {REALM}
    default_ccache_name = FILE:/tmp/krb5cc_%{{uid}}
    clockskew = {_SKEW}
    rdns = false
    dns_canonicalize_hostname = false
    dns_lookup_kdc = false
    dns_lookup_realm = false
[realms]
    {REALM} = {{
        kdc = 127.0.0.1
    }}
[domain_realm]
    {filer.SERVER} = {REALM}
    worker = {REALM}
""",
    "etc/idmapd.conf": f"[General]\nDomain = {REALM.lower()}\nLocal-Realms = {REALM}\n",
    "etc/nfs.conf.d/kerberos.conf": f"[svcgssd]\nprincipal = nfs/{filer.SERVER}@{REALM}\n",
}
_MAKE = f"""
set -eu
kdb5_util create -s -P secret -r {REALM}
for principal in nfs/{filer.SERVER} nfs/worker; do
    kadmin.local addprinc -randkey "$principal"
    kadmin.local ktadd "$principal"
done
systemctl start krb5-kdc
# each starts if the node has a keytab
systemctl restart rpc-svcgssd rpc-gssd
"""


def make(worker: Node, users: Iterable[str]) -> None:
    """Make the realm with these users, who have no tickets yet. The machine is an NFS server already."""
    for name, text in _FILES.items():
        (worker.root / name).write_text(text, encoding="ascii")
    worker.run(["sh", "-c", _MAKE], timeout=120)
    for user in users:
        worker.run(["kadmin.local", "addprinc", "-randkey", user])
        worker.run(["kadmin.local", "ktadd", "-norandkey", "-k", _keytab(user), user])


def mount(worker: Node) -> None:
    """Export filer.EXPORT to those with tickets only, and mount it."""
    filer.export(worker, "rw,sec=krb5p")
    filer.mount(worker, {"krb5p": (MOUNT, "vers=4.2,sec=krb5p")})


def get_ticket(worker: Node, user: str, lifetime: str = "1h") -> None:
    """Give a user a ticket, as kinit does, over the last one."""
    cache = f"/tmp/krb5cc_{worker.run(['id', '--user', user]).stdout.strip()}"
    command = ["kinit", "-l", lifetime, "-k", "-t", _keytab(user), "-c", cache, user]
    worker.run(["sh", "-c", f"{shlex.join(command)} && chown {user}: {cache}"])


def _keytab(user: str) -> str:
    return f"/root/{user}.keytab"
