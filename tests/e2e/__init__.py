"""Tests on worker nodes with systemd, HTCondor, libvirt and KVM."""
