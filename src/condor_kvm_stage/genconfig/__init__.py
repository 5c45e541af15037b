"""condor-kvm-stage-genconfig: what runs on the node, as root: facts, then a decision, then output.

`facts` looks at the host, `sizing` and `checks` decide without looking, `snippet` and `cli` put out.
"""
