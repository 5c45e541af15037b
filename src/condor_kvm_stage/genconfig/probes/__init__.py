"""What is true of this host. Nothing here decides or prints."""
