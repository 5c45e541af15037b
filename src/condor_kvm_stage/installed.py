"""Where the package's parts, and what they write, are on a node. Constants only: every program imports this."""

# The site's policy, and where the generator keeps what an administrator has edited: HTCondor does not read here
POLICY = "/etc/condor-kvm-stage/config.toml"
COPIES = "/etc/condor-kvm-stage"
# An administrator creates this file to switch the unit off (see its ConditionPathExists)
DISABLED = "/etc/condor-kvm-stage/disabled"

# HTCondor reads every file here; ours is one of them
CONFIG_DIR = "/etc/condor/config.d"
SNIPPET = f"{CONFIG_DIR}/50-condor-kvm-stage.conf"

# What the generator tells the programs that HTCondor runs for jobs. In /run: the next boot may find another host
SLOT_ATTRIBUTES = "/run/condor-kvm-stage/slot-attributes"  # for the slot ad, one a line, in the long format
STAGING_CACHE = "/run/condor-kvm-stage/staging"
GUEST_FACTS = "/run/condor-kvm-stage/guest"

# The programs that HTCondor runs for a guest: its LIBVIRT_XML_SCRIPT, and a hook of its starter
BUILDER = "/usr/libexec/condor-kvm-stage/condor-kvm-stage-domain"
HOOK = "/usr/libexec/condor-kvm-stage/condor-kvm-stage-prepare"
# Where the plug-in is: the second place is for hosts whose image does not hold /usr/local (see the spec)
PLUGINS = ("/usr/local/bin/vm-nfs-plugin", "/usr/libexec/condor-kvm-stage/vm-nfs-plugin")
KEYWORD = "KVMSTAGE"  # HTCondor's settings of our hooks begin with it

UNIT = "condor-kvm-stage.service"
# The commands that messages tell an administrator to run
APPLY = "condor-kvm-stage-genconfig --apply"
RESTART = "condor_restart -startd -peaceful"
