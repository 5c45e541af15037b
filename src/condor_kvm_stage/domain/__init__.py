"""The definition of a job's virtual machine: what the vm-gahp runs, as root, in place of HTCondor's own script."""
