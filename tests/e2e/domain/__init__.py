"""Tests of what the domain builder makes of jobs' virtual machines, on nodes of their own."""
