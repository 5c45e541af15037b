"""A whole worker node on one machine: Debian as a root, systemd as PID 1, HTCondor, libvirt, KVM, dnf.

`recipe` says what is in it, `root` builds and caches it, `node` boots a throw-away copy, `repository` makes the signed
repository that dnf installs from, `pool` speaks to HTCondor, `guest` makes the virtual machine's disk. The tests, the
demo and scripts/test-node use it; the package that we ship does not.
"""
