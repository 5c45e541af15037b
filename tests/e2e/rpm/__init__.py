"""The matrix of RPM versions: one file per column, cells.py has the tests of all."""
