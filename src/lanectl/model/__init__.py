"""Frozen types of the domain. No I/O, no clock, no third-party library."""
