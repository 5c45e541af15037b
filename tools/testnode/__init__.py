"""A complete worker node on one machine: Debian as root directory, systemd as PID 1, HTCondor, libvirt, KVM, dnf.

`recipe` says what is in it, `root` builds and caches it, `node` boots a throw-away copy, `container` runs commands in
one that does not boot. `member` makes nodes members of one pool, on a `network` of their own. `machine` boots one that
QEMU emulates, with a kernel of its own, from a disk of `machine_root`.
`builds` knows the package in dist/ and builds an older one, `repository` makes the signed repository that dnf installs
from, `dnf` knows what dnf prints and keeps, `bake` installs into images. `pool` talks to HTCondor, `guest` makes the
virtual machine's disk, `meminfo` sets how much memory a node sees. The tests, the demo and tools/test-node use it; the
package that we ship does not.
"""
