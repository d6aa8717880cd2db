"""The validated names: what they accept, what they never do, and how an address becomes an id."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.model.names import Digest, ObjectFormat, ObjectId, RepositoryId, Slug

FUZZ = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("text", ["a", "0", "fix-login", "a" * 63, "9--9", "a-"])
def test_slugs(text: str) -> None:
    assert Slug(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "-a", "--force", "A", "a_b", "a.b", "a/b", "../x", "a b", "a\n", "\na", "a" * 64, "@{-1}",
        "\u00e9", "\uff41", "\u0661", "a\0", "x] [CLAUDE-APPLIED:y",
    ],
)  # fmt: skip
def test_what_is_no_slug(text: str) -> None:
    with pytest.raises(ValueError, match="not a slug"):
        Slug(text)


@FUZZ
@given(st.text(max_size=70))
def test_a_slug_is_safe_everywhere(text: str) -> None:
    try:
        slug = Slug(text)
    except ValueError:
        return
    assert re.fullmatch(r"[a-z0-9-]+", slug, re.ASCII)
    assert slug[0] != "-"


def test_digests_and_ids() -> None:
    assert Digest.of(b"x") == hashlib.sha256(b"x").hexdigest() == Digest.of(memoryview(b"x"))
    assert ObjectId("a" * 40).object_format is ObjectFormat.SHA1
    assert ObjectId("a" * 64).object_format is ObjectFormat.SHA256
    assert ObjectId("0" * 40).is_null
    assert not ObjectId("0" * 39 + "1").is_null
    for kind in ObjectFormat:
        assert kind.empty_blob == hashlib.new(kind.value, b"blob 0\0").hexdigest()
        assert len(kind.empty_blob) == kind.hex_length


@pytest.mark.parametrize(
    "text",
    ["", "HEAD", "--all", "a" * 39, "a" * 41, "a" * 63, "A" * 40, "g" * 40, "a" * 40 + "\n",
     " " + "a" * 40, "\u0661" * 40, "\uff10" * 64, "0x" + "a" * 38, "a" * 40 + "^"],
)  # fmt: skip
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(ValueError, match="not a full object id"):
        ObjectId(text)
    with pytest.raises(ValueError, match="not a SHA-256"):
        Digest(text)


# repositories -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://example.test/acme/shop", "https://example.test/acme/shop/",
        "https://example.test/acme/shop.git", "https://example.test:443/acme/shop",
        "https://user:secret@example.test/acme/shop.git", "HTTPS://EXAMPLE.test/acme/shop",
        "http://example.test:80/acme/shop", "ssh://git@example.test/acme/shop.git",
        "ssh://git@example.test:22/acme/shop", "git://example.test:9418/acme/shop",
        "git@example.test:acme/shop.git", "example.test:acme/shop", "git@EXAMPLE.test:/acme/shop/",
    ],
)  # fmt: skip
def test_every_spelling_of_an_address_is_one_id(url: str) -> None:
    assert RepositoryId.from_url(url) == "example.test/acme/shop"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.test:8443/a/b", "example.test:8443/a/b"),
        ("ssh://example.test:443/a/b", "example.test:443/a/b"),
        ("https://example.test/A/B", "example.test/A/B"),
        ("https://example.test/a%20b/c%2fd", "example.test/a%20b/c/d"),
        ("https://example.test/~user/x", "example.test/~user/x"),
        ("https://example.test/a?b#c", "example.test/a%3Fb%23c"),
        ("https://example.test/a/b.git.git", "example.test/a/b.git"),
        ("/srv/git/x.git", "localhost/srv/git/x"),
        ("file:///srv/git/x", "localhost/srv/git/x"),
        ("file://other/srv/x", "localhost/srv/x"),
        ("/srv/with space/\u00e9", "localhost/srv/with%20space/%C3%A9"),
    ],
)
def test_addresses(url: str, expected: str) -> None:
    assert RepositoryId.from_url(url) == expected


@pytest.mark.parametrize(
    "url",
    ["", "x", "https://example.test", "https://example.test/", "https:///a/b", "/", "a//b", "a/b:c",
     "https://[::1]/a/b", "https://a@b@c/d/e", "ftp:", "https://ex ample/a/b", "https://host/a//b",
     "\ud800:x", "/srv/\udcff", "git@host:"],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError):
        RepositoryId.from_url(url)


@FUZZ
@given(st.text(max_size=40), st.text("abc/:@.~%-[]?# \u00e9", max_size=30))
def test_an_id_holds_no_secret_and_is_its_own_address(scheme: str, rest: str) -> None:
    for url in (rest, f"https://user:secret@{rest}", f"git@{rest}", scheme):
        try:
            found = RepositoryId.from_url(url)
        except ValueError:
            continue
        assert "secret" not in found.partition("/")[0]
        assert RepositoryId(found) == found
        if not found.endswith(".git") and not found.startswith("localhost"):
            assert RepositoryId.from_url(f"https://{found}") == _plain(found)


def _plain(identifier: str) -> str:
    """Return the id without the port that https has anyway."""
    host, slash, path = identifier.partition("/")
    return host.removesuffix(":443") + slash + path


@pytest.mark.parametrize("path", [b"\xff", b"\xfe", b"\xc3"])
def test_bytes_that_are_no_text_stay_different(path: bytes) -> None:
    url = f"https://example.test/a/%{path.hex()}"
    assert RepositoryId.from_url(url) == f"example.test/a/%{path.hex().upper()}"
