"""The node watches itself: what can go away is asked for every minute, what can be put right is, HTCondor is told."""
