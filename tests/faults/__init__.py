"""The plug-in against real faults: a share that hangs, lies or dies, a scratch directory that is full, SIGKILL."""
