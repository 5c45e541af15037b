"""condor-kvm-stage-genconfig: configures HTCondor on a node, as root.

`probes` collects facts, `snippet` turns facts and policy into HTCondor's configuration, `startd` makes the running
HTCondor use it, `checks` says whether the node can run VM jobs.
"""
