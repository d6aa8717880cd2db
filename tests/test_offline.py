"""The proof of offline tests can itself fail."""

from __future__ import annotations

import socket

import pytest


def test_a_connection_is_refused_before_it_is_made() -> None:
    with socket.socket() as one, pytest.raises(AssertionError, match="network in a test"):
        one.connect(("127.0.0.1", 9))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "::1", "192.0.2.1", "forge.example.test"]
)
def test_a_look_up_is_refused(host: str) -> None:
    with pytest.raises(AssertionError, match="network in a test"):
        socket.getaddrinfo(host, 9)


@pytest.mark.e2e
def test_an_e2e_test_reaches_this_machine_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as here:
        socket.create_connection(here.getsockname()).close()
    for host in ("192.0.2.1", "forge.example.test", "127.0.0.1.example.test"):
        with pytest.raises(AssertionError, match="network in a test"):
            socket.create_connection((host, 9))
    with socket.socket() as one, pytest.raises(AssertionError, match="network in a test"):
        one.connect(("192.0.2.1", 9))
