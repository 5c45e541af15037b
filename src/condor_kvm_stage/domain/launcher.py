"""What runs a job's program in a guest: the vendor-data of its seed, a boothook of cloud-init; the same for all jobs.

It starts a unit of systemd's, which mounts the job's files, and runs the program's script (program.py) there as a user
without rights. systemd says how the program has ended; that is written beside the script, and the guest powers off.
POSIX sh, and what every guest with cloud-init and systemd has: util-linux, and useradd.
"""

from __future__ import annotations

from ..job import PROGRAM_DIR, UNMOUNTED
from .job_files import OWNER
from .program import SCRIPT

MOUNT_POINT = "/run/job"

_TEXT = """\
#cloud-boothook
#!/bin/sh
# Run the program of an HTCondor job in this guest, and power it off. Made by condor-kvm-stage on the execution point.
job={mount_point} own=/run/condor-job
say() {{
    echo "condor-kvm-stage: $*" > /dev/console
}}
case ${{1:-}} in
start)
    mkdir -p $job
    if ! why=$(mount -t virtiofs job $job 2>&1); then
        say "{unmounted} (virtiofs, tag job): $why"
        exit 1
    fi
    # useradd fails while cloud-init adds its own users
    for try in 1 2 3 4 5 6 7 8 9 10; do
        getent passwd {uid} > /dev/null || useradd --uid {uid} --create-home --shell /bin/sh job && break
        sleep 1
    done
    if ! user=$(getent passwd {uid}) || ! cd $job; then
        say "cannot add a user for the program"
        exit 1
    fi
    : > $own/began
    say "the program begins"
    name=${{user%%:*}}
    exec setpriv --reuid={uid} --regid={gid} --init-groups \
        env -i PATH="$PATH" HOME="$(echo "$user" | cut -d : -f 6)" USER="$name" LOGNAME="$name" SHELL=/bin/sh \
        ${{LANG:+"LANG=$LANG"}} sh {directory}/{script}
    ;;
end)
    # If the guest is being shut down, the program has not ended by itself
    if [ -e $own/began ] && [ "$(systemctl is-system-running)" != stopping ]; then
        echo "$EXIT_CODE $EXIT_STATUS" > $job/{directory}/new && mv $job/{directory}/new $job/{directory}/status
        say "the program has ended: $EXIT_CODE $EXIT_STATUS"
    fi
    systemctl --no-block poweroff
    ;;
*)
    mkdir -p $own
    cp "$0" $own/launcher
    if ! systemd-run --no-block --unit=condor-job --description="program of the HTCondor job" {after}\\
        --property=ExecStopPost="/bin/sh $own/launcher end" /bin/sh $own/launcher start; then
        say "cannot run the job's program: systemd-run fails"
        poweroff
    fi
    ;;
esac
"""
# Further conditions for the start, by what the job has
_AFTER_USER_DATA = "--property=After=cloud-final.service "
_AFTER_NETWORK = "--property=Wants=network-online.target --property=After=network-online.target "


def vendor_data(has_user_data: bool, has_network: bool) -> bytes:
    """Return the vendor-data. has_user_data: whether the job brings any; the program waits until they are applied."""
    after = (_AFTER_USER_DATA if has_user_data else "") + (_AFTER_NETWORK if has_network else "")
    text = _TEXT.format(
        unmounted=UNMOUNTED.partition(": ")[2],
        mount_point=MOUNT_POINT,
        uid=OWNER,
        gid=OWNER,
        directory=PROGRAM_DIR,
        script=SCRIPT,
        after=after,
    )
    return text.encode()
