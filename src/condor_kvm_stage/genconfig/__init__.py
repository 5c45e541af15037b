"""condor-kvm-stage-genconfig, which runs on the node as root: facts, then a decision, then output.

probes/ finds out what is true of the host, snippet/ decides what HTCondor is told, startd/ makes the running HTCondor
apply it, checks/ judges all of it for --check.
"""
