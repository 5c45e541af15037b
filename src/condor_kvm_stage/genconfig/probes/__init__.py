"""The facts about this host. Each module probes one subject; none decides."""
