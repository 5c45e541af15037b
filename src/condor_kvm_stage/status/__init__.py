"""condor-kvm-stage-status: the virtual machines of jobs on this node, as a table, as JSON, as metrics."""
