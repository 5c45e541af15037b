"""libvirt as modular daemons, as on EL 9 and later and Fedora: nothing of the monolithic daemon is there."""
