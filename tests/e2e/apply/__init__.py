"""--apply on a real worker."""
