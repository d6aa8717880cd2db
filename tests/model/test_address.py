"""Addresses: what a token may be sent to, and what is no address at all."""

from __future__ import annotations

import pytest

from lanectl.model.address import Address, is_loopback
from lanectl.model.names import ObjectId
from lanectl.model.settings import Limits, Operator


@pytest.mark.parametrize(
    ("url", "scheme", "host", "safe"),
    [
        ("https://github.com/a/b.git", "https", "github.com", True),
        ("https://user:pw@host.example:8443/a/b", "https", "host.example:8443", True),
        ("http://127.0.0.1:3000/a/b.git", "http", "127.0.0.1:3000", True),
        ("http://[::1]:3000/a/b", "http", "[::1]:3000", True),
        ("http://localhost/a/b", "http", "localhost", True),
        ("http://host.example/a/b", "http", "host.example", False),
        ("http://127.0.0.1.host.example/a/b", "http", "127.0.0.1.host.example", False),
        ("ssh://git@host.example:22/a/b", "ssh", "host.example:22", False),
        ("git@host.example:a/b.git", "ssh", "host.example", False),
        ("host.example:a/b.git", "ssh", "host.example", False),
        ("/srv/git/a.git", "file", "", False),
        ("file:///srv/git/a.git", "file", "", False),
    ],
)
def test_addresses(url: str, scheme: str, host: str, safe: bool) -> None:
    address = Address.parse(url)
    assert (address.scheme, address.host, address.may_carry_token) == (scheme, host, safe)
    assert "pw" not in address.url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a/b",
        "ext::sh -c id",
        "-oProxyCommand=x:y",
        "ftp://h/x",
        "https://",
        "fd::17",
        "h::x",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="not an"):
        Address.parse(url)


@pytest.mark.parametrize(
    ("url", "api", "root"),
    [
        ("https://github.com/a/b.git", "", "https://api.github.com"),
        ("git@github.com:a/b.git", "", "https://api.github.com"),
        ("https://host.example:8443/a/b", "", "https://host.example:8443/api/v3"),
        ("ssh://git@host.example:2222/a/b", "", "https://host.example/api/v3"),
        ("http://127.0.0.1:3000/a/b", "", "http://127.0.0.1:3000/api/v3"),
        ("/srv/a.git", "", ""),
        ("/srv/a.git", "https://host.example/api", "https://host.example/api"),
    ],
)
def test_where_the_api_is(url: str, api: str, root: str) -> None:
    operator = Operator(url, "main", "refs/x", ObjectId("1" * 40), Limits(), api)
    assert operator.api_root == root


def test_names_of_this_machine() -> None:
    assert is_loopback("127.8.9.1:80")
    assert not is_loopback("")
    assert not is_loopback("localhost.host.example")
