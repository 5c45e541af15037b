"""What a hostile guest's root does with its job's files: commands that an ordinary job can try, too.

Each runs in a directory of its own, in the job's; $TOP is the job's, $TOOL a program that makes sockets.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attack:
    """Commands for a shell. own: whether they may succeed in a guest, because they reach what is the guest's own."""

    commands: str
    own: bool = False


ATTACKS = {
    "program with root's rights": Attack("echo x > program; chown 0:0 program; chmod 6777 program", own=True),
    "directory that passes on its group": Attack("mkdir passes; chmod 7777 passes; echo x > passes/file"),
    "files of root and others": Attack("echo x > root; chown 0:0 root; echo x > daemon; chown 1:1 daemon", own=True),
    "group of QEMU": Attack("echo x > file; chgrp 107 file", own=True),
    "block device": Attack("mknod disk b 8 0"),
    "memory": Attack("mknod memory c 1 1"),
    "KVM": Attack("mknod kvm c 10 232"),
    "FIFO": Attack("mkfifo fifo"),
    "socket": Attack('"$TOOL" socket'),
    "symlink to a file of root's": Attack("ln -s /etc/shadow shadow; cat shadow"),
    "symlink to a file of root's, to write": Attack("ln -s /etc/shadow shadow; echo x >> shadow", own=True),
    "symlink to a directory, to write": Attack(
        "mkdir -p /var/spool/cron; ln -s /var/spool/cron spool; echo '* * * * * root touch /pwned' > spool/root",
        own=True,
    ),
    "symlink that climbs": Attack("ln -s ../../../../../../../../etc/hostname climbs; echo x >> climbs", own=True),
    "symlink to the kernel's settings": Attack(
        "ln -s /proc/sys/kernel/core_pattern core; echo '|/pwned' > core", own=True
    ),
    "hard link of the job's ad": Attack('ln "$TOP/.machine.ad" ad; echo "Memory = 999999" > ad'),
    "hard link of a file of others": Attack("ln /etc/passwd passwd"),
    "job's ads": Attack('for ad in .job.ad .machine.ad .update.ad; do echo "RequestMemory = 1" > "$TOP/$ad"; done'),
    "directory above": Attack('mv "$TOP" "$TOP/../up" || mkdir "$TOP/../up"', own=True),
    "names with newlines": Attack("touch 'new\nline' ./-rf 'a\tb' '\"; rm -rf ~' '$(reboot)' \"it's\" '*'"),
    "names that are no text": Attack("touch \"$(printf '\\377\\376')\" \"$(printf '\\033[2J')\""),
    "long name": Attack("touch $(printf '%0255d' 0)"),
    "name that is too long": Attack("touch $(printf '%0256d' 0)"),
    "deep": Attack("for level in $(seq 400); do mkdir deep && cd deep || exit 1; done; echo x > end"),
    "closed directory": Attack("mkdir closed; echo x > closed/file; chmod 0 closed"),
    "large and empty": Attack("truncate -s 1000000000000 large && truncate -s 1000000 large"),
    "larger than any": Attack("truncate -s 9223372036854775807 larger"),
    "many files": Attack("mkdir many && seq 5000 | sed 's|^|many/|' | xargs touch && rm many/*1*"),
    "time": Attack("touch -d '1970-01-02 00:00' old && touch -d '2100-01-01 00:00' new"),
}


def script() -> str:
    """Return a script that tries all, each in a shell of its own, says how each has ended, and waits for `go`."""
    tried = "".join(
        f"mkdir '{number}'\n(cd '{number}' && {{\n{attack.commands}\n}}) < /dev/null > /dev/null 2>&1\n"
        f"say tried {number} $?\n"
        for number, attack in enumerate(ATTACKS.values())
    )
    return f"""\
TOP=$(pwd)
TOOL=$TOP/make-socket
umask 022
mkdir attacks
cd attacks
{tried}
cd "$TOP"
touch ready
until [ -e go ]; do sleep 1; done
"""
