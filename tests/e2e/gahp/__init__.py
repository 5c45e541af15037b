"""HTCondor's vm-gahp behind the filter, on real nodes."""
