"""--check on a real worker."""
