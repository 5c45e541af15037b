"""What jobs that have ended leave on a node, and how it is removed: domains, and directories in EXECUTE."""
