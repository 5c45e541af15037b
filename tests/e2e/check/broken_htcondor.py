"""Broken nodes: HTCondor's configuration and daemons, and the snippet."""

from __future__ import annotations

from e2e.check.repair import APPLY, SETTINGS, Broken, policy, settings
from testnode.site import SNIPPET

_POLICY = ("[staging]", 'image_dirs = ["/srv/images"]')
_TOO_MUCH = 'memory = "2T"'
_RECONFIG = "condor_reconfig; sleep 3"
_UNSET = f"rm {SETTINGS}; condor_reconfig"
_UNSET_AND_APPLY = f"rm {SETTINGS}; {APPLY}"
_SOCKETS = "libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"
_ROLES = "DAEMON_LIST = COLLECTOR MASTER NEGOTIATOR SCHEDD"
_CONFIG = "/etc/condor/condor_config"

SETTING = (
    Broken(
        "plugins-replaced",
        f"{settings('FILETRANSFER_PLUGINS = $(LIBEXEC)/curl_plugin')}; {_RECONFIG}",
        "htcondor settings",
        says=f"another file sets it: {SETTINGS}, line 1",
        step="append there: FILETRANSFER_PLUGINS = $(FILETRANSFER_PLUGINS), ",
        follow=f"{settings('FILETRANSFER_PLUGINS = $(FILETRANSFER_PLUGINS), $(LIBEXEC)/curl_plugin')}; condor_reconfig",
    ),
    Broken(
        "starters-plugins-replaced",
        f"{settings('STARTER.FILETRANSFER_PLUGINS = $(LIBEXEC)/curl_plugin')}; {_RECONFIG}",
        "htcondor settings",
        says=f"another file sets it: {SETTINGS}, line 1",
        step="append there",
        follow=_UNSET,
    ),
    Broken(
        "urls-off",
        f"{settings('ENABLE_URL_TRANSFERS = False')}; {_RECONFIG}",
        "htcondor settings",
        step="remove it there, then condor_reconfig",
        follow=_UNSET,
    ),
    Broken(
        "vm-type",
        settings("VM_TYPE = xen"),
        "htcondor settings",
        says=f"VM_TYPE = xen ({SETTINGS}, line 1)",
        restart=True,
        step=f"remove it there, then {APPLY}",
        follow=_UNSET_AND_APPLY,
    ),
    # Jobs run, and may cost base images their owner
    Broken(
        "xml-script",
        settings("VM_GAHP.LIBVIRT_XML_SCRIPT = $(LIBEXEC)/libvirt_simple_script.awk"),
        "htcondor domain",
        "warn",
        says="libvirt_simple_script.awk",
        step="remove it there",
        follow=f"rm {SETTINGS}",
        runs=True,
    ),
    Broken(
        "no-gahp-server",
        settings("VM_GAHP_SERVER = /usr/sbin/condor_no-gahp"),
        "htcondor vm-gahp-test",
        restart=True,
        says="no program /usr/sbin/condor_no-gahp",
        step="see htcondor domain and filter below",
        follow=_UNSET_AND_APPLY,
    ),
    Broken(
        "gahp-server-of-htcondor",
        settings("VM_GAHP_SERVER = $(SBIN)/condor_vm-gahp"),
        "htcondor filter",
        "warn",
        step="remove it there",
        follow=_UNSET,
        runs=True,
    ),
    Broken(
        "memory-of-another-file",
        settings("VM_MEMORY = 1000000"),
        "htcondor settings",
        "note",
        restart=True,
        step="remove it there",
        follow=_UNSET_AND_APPLY,
        runs=True,
    ),
    Broken(
        "memory-is-no-number",
        settings("VM_MEMORY = much"),
        "htcondor vm-gahp-test",
        restart=True,
        says="VM_MEMORY",
        step="see htcondor snippet and settings below",
        follow=_UNSET_AND_APPLY,
    ),
    Broken(
        "memory-of-the-policy",
        f"{policy(*_POLICY, '[vm]', _TOO_MUCH)}; {APPLY}",
        "host memory",
        "warn",
        step="lower vm.memory",
        follow=f"{policy(*_POLICY)}; {APPLY}",
        runs=True,
    ),
    Broken(
        "start-false",
        f"{settings('START = False')}; {_RECONFIG}",
        "htcondor guard",
        step="remove it there, then condor_reconfig",
        follow=_UNSET,
    ),
    # Jobs run, among them those that attach any file of the node
    Broken(
        "start-unguarded",
        f"{settings('START = TRUE')}; {_RECONFIG}",
        "htcondor guard",
        says="can attach any file of this node",
        step="write there: START = ($(START)) && (…)",
        follow=f"{settings('START = ($(START)) && (TRUE)')}; condor_reconfig",
        runs=True,
    ),
    Broken(
        "startd-attrs",
        f"{settings('STARTD_ATTRS = Site')}; {_RECONFIG}",
        "htcondor guard",
        step="add that; then condor_reconfig",
        follow=f"{settings('STARTD_ATTRS = $(STARTD_ATTRS) Site')}; condor_reconfig",
    ),
    Broken(
        "disk-limits",
        settings("STARTD_ENFORCE_DISK_LIMITS = True"),
        "htcondor disk-limits",
        restart=True,
        step="switch it off there",
        follow=f"rm {SETTINGS}; systemctl restart condor",
    ),
    Broken(
        "hook-keyword",
        settings("STARTER_DEFAULT_JOB_HOOK_KEYWORD = SITE"),
        "htcondor domain",
        "note",
        step="remove them there",
        follow=f"rm {SETTINGS}",
        runs=True,
    ),
    Broken(
        "syntax",
        settings("this is no setting"),
        "htcondor version",
        says=SETTINGS,
        step="fix what it complains about",
        follow=f"rm {SETTINGS}",
    ),
)
SNIPPETS = (
    Broken(
        "snippet-edited",
        f"sed -i 's/^VM_MEMORY = .*/VM_MEMORY = 4096/' {SNIPPET}",
        "htcondor snippet",
        "warn",
        restart=True,
        step=f"then {APPLY}",
        follow=f"condor-kvm-stage-genconfig --diff; {APPLY}",
        runs=True,
    ),
    Broken("snippet-removed", f"rm {SNIPPET}; {_RECONFIG}", "htcondor snippet", says="does not exist"),
    Broken(
        "snippet-copied",
        f"sed 's/^VM_MEMORY = .*/VM_MEMORY = 2048/' {SNIPPET} > {SNIPPET}.bak",
        "htcondor settings",
        "warn",
        says=f"{SNIPPET}.bak",
        step="remove them",
        follow=f"rm {SNIPPET}.bak; {APPLY}",
        runs=True,
    ),
)
DAEMONS = (
    Broken(
        "no-startd",
        f"{settings(_ROLES)}; systemctl restart condor; sleep 5",
        "htcondor startd",
        says="DAEMON_LIST has no STARTD",
        step="add STARTD there, then restart HTCondor",
        follow=f"{settings(f'{_ROLES} STARTD')}; systemctl restart condor",
    ),
    Broken("condor-stopped", f"rm -f {SETTINGS}; systemctl stop condor", "htcondor startd"),
    Broken(
        "startd-before-libvirt",
        f"systemctl stop {_SOCKETS} libvirtd; condor_restart -startd; sleep 12; systemctl start {_SOCKETS}",
        "htcondor startd",
        says="HasVM is false, and is to be true",
    ),
    Broken("unit-disabled", "systemctl disable condor-kvm-stage", "package unit", "note", runs=True),
    Broken(
        "unit-disabled-by-file",
        "touch /etc/condor-kvm-stage/disabled",
        "package unit",
        "note",
        step="remove that file",
        follow="rm /etc/condor-kvm-stage/disabled",
        runs=True,
    ),
)
# What repairs this one leaves files behind that HTCondor reads: the last one
ELSEWHERE = (
    Broken(
        "config-elsewhere",
        f"cp -r /etc/condor/config.d /srv/pool; rm /srv/pool/50-*; echo LOCAL_CONFIG_DIR = /srv/pool >> {_CONFIG}; "
        "systemctl restart condor; sleep 8",
        "htcondor snippet",
        says="HTCondor does not read",
        step=f"let LOCAL_CONFIG_DIR in {_CONFIG} have /etc/condor/config.d, too; then {APPLY}",
        follow=f"sed -i 's:= /srv/pool:= /srv/pool, /etc/condor/config.d:' {_CONFIG}; {APPLY}",
    ),
)
ROWS = (*SETTING, *SNIPPETS, *DAEMONS, *ELSEWHERE)
