"""Bytes to model and back: pure readers and writers. The pure third-party libraries live here."""
