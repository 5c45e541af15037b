"""HTCondor's configuration of an access point that refuses, at condor_submit, VM jobs that no node would let in.

Made when the package is built (`python3 -m submitrules`), from the patterns of the guard on the nodes.
"""
