"""What the generator found when this node booted, for the plug-in to advertise without looking for itself."""

# Attributes for the slot ad, one a line, in the long format. In /run, because the next boot may find something else.
PATH = "/run/condor-kvm-stage/slot-attributes"
