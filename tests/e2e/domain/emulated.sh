#!/bin/sh
# LIBVIRT_XML_SCRIPT: the package's definition of a guest, with a processor that QEMU emulates. For the firmware of UEFI,
# where KVM runs nothing larger than a boot sector (testnode.linux_guest.runs_on_kvm).
definition=$(/usr/libexec/condor-kvm-stage/build-domain "$PPID" |
    sed -E "s|<domain type=.kvm.|<domain type='qemu'|; s|<cpu [^>]*/>||; s|<cpu [^>/]*>.*</cpu>||")
printf '%s\n' "$definition"  # HTCondor does not read a line that has no end
