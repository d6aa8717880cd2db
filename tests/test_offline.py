"""The proof of offline tests can itself fail."""

from __future__ import annotations

import socket

import pytest


def test_a_connection_is_refused_before_it_is_made() -> None:
    with socket.socket() as one, pytest.raises(AssertionError, match="network in a test"):
        one.connect(("127.0.0.1", 9))
