"""The automount daemon: the plug-in below what is not mounted yet, or cannot be mounted.

In a tree without systemd and HTCondor: a program mounts with autofs' daemon, and runs the plug-in as a job's user.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest

from testnode import automounter, builds, recipe
from testnode.run import run

pytestmark = pytest.mark.full

TIMEOUT = 5  # seconds, the policy's
POINTS = "/srv/auto, /srv/direct, /srv/quiet"
# In namespaces of its own, whose end ends the daemon. $1: the tree
_ENTER = """
set -eu
cd "$1"
mount --bind . .
cd "$1"
mount --rbind /dev dev
mount -t proc proc proc
mount -t tmpfs tmpfs run
exec chroot . bash /root/script
"""
# A server that does not answer: mount(8) waits for mount.silent without end
_SCRIPT = f"""
set -eu
rpm --upgrade --noscripts --nodeps /root/package.rpm
mkdir -p /srv/export/images /srv/export/results /etc/auto.master.d
qemu-img create -q -f qcow2 /srv/export/images/base.qcow2 4M
chmod 644 /srv/export/images/base.qcow2
chown {recipe.USER}: /srv/export/results
printf '/srv/auto /etc/auto.indirect\\n/- /etc/auto.direct\\n' > /etc/auto.master.d/tests.autofs
printf 'share -fstype=bind :/srv/export\\nsilent -fstype=silent :x\\n' > /etc/auto.indirect
printf '/srv/direct -fstype=bind :/srv/export\\n/srv/quiet -fstype=silent :x\\n' > /etc/auto.direct
printf '#!/bin/sh\\nexec sleep infinity\\n' > /usr/sbin/mount.silent
chmod 755 /usr/sbin/mount.silent
printf '[staging]\\ntimeout = {TIMEOUT}\\nimage_dirs = ["/srv"]\\noutput_dirs = ["/srv"]\\n' \\
    > /etc/condor-kvm-stage/config.toml
cat > /root/try <<"END"
scratch=$(mktemp --directory)
echo output > "$scratch/result"
printf '[ Url = "%s"; LocalFileName = "%s" ]\\n' "$2" "$scratch/result" > "$scratch/in"
touch "$scratch/out"
started=$(date +%s)
status=0
/usr/local/bin/vm-nfs-plugin -infile "$scratch/in" -outfile "$scratch/out" $3 || status=$?
said=$(grep --only-matching 'TransferError = "[^"]*"' "$scratch/out" | head -1 || true)
echo "$1|$status|$(($(date +%s) - started))|$said|$(mounted)"
END
mounted() {{
    grep -o ' /srv/[a-z/]* overlay' /proc/self/mounts | tr '\\n' ' ' || true
}}
export -f mounted
try() {{
    setpriv --reuid={recipe.USER} --regid={recipe.USER} --init-groups bash -c "$(cat /root/try)" try "$@"
}}
start() {{
    setsid automount -f &
    daemon=$!
    for _ in $(seq 60); do
        if grep -q ' /srv/direct autofs' /proc/self/mounts; then break; fi
        sleep 1
    done
    sleep 1
}}
expire() {{
    kill -USR1 $daemon
    for _ in $(seq 30); do
        if [ -z "$(mounted)" ]; then break; fi
        sleep 1
    done
}}
start
try 'server' nfs://filer/export/images/base.qcow2:d.qcow2 ''
try 'stage indirect' nfs:///srv/auto/share/images/base.qcow2:d.qcow2 ''
expire
try 'upload indirect' 'nfs:///srv/auto/share/results/a?overwrite=yes' -upload
expire
try 'stage direct' nfs:///srv/direct/images/base.qcow2:d.qcow2 ''
expire
try 'upload direct' 'nfs:///srv/direct/results/a?overwrite=yes' -upload
expire
try 'none' nfs:///srv/auto/none/images/base.qcow2:d.qcow2 ''
kill -KILL $daemon
try 'dead indirect' nfs:///srv/auto/share/images/base.qcow2:d.qcow2 ''
try 'dead direct' nfs:///srv/direct/images/base.qcow2:d.qcow2 ''
start
try 'new direct' nfs:///srv/direct/images/base.qcow2:d.qcow2 ''
try 'silent indirect' nfs:///srv/auto/silent/images/base.qcow2:d.qcow2 ''
try 'silent direct' nfs:///srv/quiet/images/base.qcow2:d.qcow2 ''
"""


@dataclass(frozen=True)
class Tried:
    """What the plug-in did, and what was mounted then."""

    status: int
    seconds: int
    said: str
    mounted: str


@pytest.fixture(scope="module")
def tried() -> dict[str, Tried]:
    with automounter.tree() as tree:
        shutil.copyfile(builds.built(), tree / "root/package.rpm")
        (tree / "root/script").write_text(_SCRIPT, encoding="utf-8")
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private"]
        output = run([*unshare, "sh", "-c", _ENTER, "enter", tree], timeout=400).stdout
    print(output)
    rows = [line.split("|") for line in output.splitlines() if line.count("|") == 4]
    return {name: Tried(int(status), int(seconds), said, now.strip()) for name, status, seconds, said, now in rows}


@pytest.mark.parametrize("what", ["stage", "upload"])
@pytest.mark.parametrize(("kind", "point"), [("indirect", "/srv/auto/share"), ("direct", "/srv/direct")])
def test_path_below_what_is_not_mounted_yet_mounts_it(
    tried: dict[str, Tried], what: str, kind: str, point: str
) -> None:
    done = tried[f"{what} {kind}"]
    assert done.status == 0, done
    assert done.mounted == f"{point} overlay"


def test_server_whose_export_is_not_mounted_yet_is_not_found_and_the_form_that_mounts_it_is_named(
    tried: dict[str, Tried],
) -> None:
    done = tried["server"]
    assert done.status == 68
    for point in POINTS.split(", "):
        assert point in done.said
    assert "if it is what autofs mounts on demand (" in done.said
    assert "write the image's path on the node, nfs:///" in done.said


@pytest.mark.parametrize("name", ["none", "dead indirect", "dead direct"])
def test_what_the_daemon_does_not_mount_is_not_said_to_be_the_jobs_fault(tried: dict[str, Tried], name: str) -> None:
    done = tried[name]
    assert done.status == 69
    assert "is autofs', which has mounted nothing there on" in done.said
    assert "check the path in the submit file" in done.said


def test_new_daemon_mounts_again(tried: dict[str, Tried]) -> None:
    assert tried["new direct"].status == 0


@pytest.mark.parametrize("kind", ["indirect", "direct"])
def test_server_that_does_not_answer_is_given_up_in_time(tried: dict[str, Tried], kind: str) -> None:
    done = tried[f"silent {kind}"]
    assert done.status == 69
    assert "the share does not answer" in done.said
    assert done.seconds >= TIMEOUT
