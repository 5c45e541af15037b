"""condor-kvm-stage-shell, which a user runs with condor_ssh_to_job to get into the job's guest."""
