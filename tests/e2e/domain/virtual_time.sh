#!/bin/sh
# LIBVIRT_XML_SCRIPT: the package's definition of a guest, with a processor that QEMU emulates, and a clock that counts its
# instructions (-icount). So a whole Linux keeps its deadlines on a machine that does much else; it has one CPU.
definition=$(/usr/libexec/condor-kvm-stage/build-domain "$PPID" |
    sed -E "s|<domain type=.kvm.|<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'|
        s|<cpu [^>]*/>||; s|<cpu [^>/]*>.*</cpu>||
        s|</domain>|<qemu:commandline><qemu:arg value='-icount'/><qemu:arg value='shift=1,sleep=off'/></qemu:commandline></domain>|")
printf '%s\n' "$definition"  # HTCondor does not read a line that has no end
