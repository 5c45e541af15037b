"""Paths of the package's files on a node, and commands for messages. Constants only: every program imports this."""

# The site's policy, and where the generator saves files that an administrator had edited: HTCondor does not read here
POLICY = "/etc/condor-kvm-stage/config.toml"
COPIES = "/etc/condor-kvm-stage"
# An administrator creates this file to switch the unit off (see its ConditionPathExists)
DISABLED = "/etc/condor-kvm-stage/disabled"

# HTCondor reads every file in this directory; the snippet is ours
CONFIG_DIR = "/etc/condor/config.d"
SNIPPET = f"{CONFIG_DIR}/50-condor-kvm-stage.conf"

# Runtime state that the generator writes for the programs that HTCondor runs. In /run: a boot may change the host
SLOT_ATTRIBUTES = "/run/condor-kvm-stage/slot-attributes"  # for the slot ad, one per line, in the long format
STAGING_CACHE = "/run/condor-kvm-stage/staging"
GUEST_FACTS = "/run/condor-kvm-stage/guest"
RECOVERY = "/run/condor-kvm-stage/recovery"  # locked by the process that waits for the node to start guests again
HEALTH = "/run/condor-kvm-stage/health"  # what the node has found out about itself, for the slot ad
HEALTH_STATE = "/run/condor-kvm-stage/health-state"  # what it must remember for the next time
ATTEMPT = "/run/condor-kvm-stage/restarted-for"  # what a restart of the startd was for, until it has helped

# The programs that HTCondor runs for a guest: its LIBVIRT_XML_SCRIPT, and a hook of its starter
BUILDER = "/usr/libexec/condor-kvm-stage/condor-kvm-stage-domain"
HOOK = "/usr/libexec/condor-kvm-stage/condor-kvm-stage-prepare"
BUILD_DOMAIN = "/usr/libexec/condor-kvm-stage/build-domain"  # which BUILDER runs
TRY_GUESTS = "--try-guests"  # its option by which GAHP asks whether this node starts guests
TRY_NODE = "--try-node"  # its option by which the generator tries what a job would get
GAHP = "/usr/libexec/condor-kvm-stage/condor-kvm-stage-gahp"  # HTCondor's VM_GAHP_SERVER
# How GAHP asks the startd to put a job on hold: attributes' names begin with this; the sub-code of the hold
HOLD_ATTRIBUTE, HOLD_SUBCODE = "KvmStageHold", 1
HOLD_SETTINGS = ("PREEMPT", "MAXJOBRETIREMENTTIME", "WANT_HOLD", "WANT_HOLD_REASON")  # HTCondor's, which must name them
WATCH = "/usr/libexec/condor-kvm-stage/condor-kvm-stage-health"  # which a timer and HTCondor's startd run
# The plug-in: the second path is for hosts whose image does not include /usr/local (see the spec)
PLUGINS = ("/usr/local/bin/vm-nfs-plugin", "/usr/libexec/condor-kvm-stage/vm-nfs-plugin")
KEYWORD = "KVMSTAGE"  # prefix of HTCondor's settings for our hooks

# libvirt's: it makes a directory for each guest here, and gives it to its group for QEMU
DOMAINS = "/var/lib/libvirt/qemu"
GUEST_LOGS = "/var/log/libvirt/qemu"  # libvirt's, one for each guest's name

# systemd's journal, for entries with fields
JOURNAL = "/run/systemd/journal/socket"

UNIT = "condor-kvm-stage.service"
# The commands that messages tell an administrator to run
APPLY = "condor-kvm-stage-genconfig --apply"
RESTART = "condor_restart -startd -peaceful"
