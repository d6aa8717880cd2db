"""The keyring: whom to believe, in one strict form."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.formats import keyring
from lanectl.formats.keys import read_public_key
from lanectl.model.names import Digest
from lanectl.model.report import MalformedError
from lanectl.model.trust import Key, Keyring, Revocation, Role, hint_of
from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.steps import drop, each, paths, put
from tests.world import git

FUZZ = settings(max_examples=40, deadline=None)
PUBLIC = [
    read_public_key(bundle.public(name, Encoding.PEM).decode())
    for name in ("builder-p256", "builder-ed25519", "enforcer")
]
TIMES = st.datetimes().map(lambda t: t.replace(microsecond=0, tzinfo=UTC))
LETTERS = st.characters(exclude_categories=["C", "Z"], exclude_characters="<>")
NAMES = st.text(LETTERS, max_size=20).map(lambda t: f"x {t} y")
EMAILS = st.text(LETTERS, max_size=20).map(lambda t: f"x{t}@y")


def document() -> Any:
    return json.loads(bundle.keyring())


def written(document: Any) -> bytes:
    return json.dumps(document).encode()


def refusal(data: bytes) -> str:
    with pytest.raises(MalformedError) as caught:
        keyring.read(data)
    fault = caught.value.fault
    assert fault.rule == "trust/keyring"
    return f"{fault.where} {fault.got} {fault.expected}"


@st.composite
def keyrings(draw: st.DrawFn) -> Keyring:
    revocations = st.tuples(TIMES, TIMES, st.text(max_size=20)).map(lambda said: Revocation(*said))
    keys = [
        Key(
            public, draw(st.sampled_from(Role)), f"{n}{draw(NAMES)}", f"{n}{draw(EMAILS)}", draw(TIMES), draw(TIMES),
            draw(st.none() | revocations),
        )
        for n, public in enumerate(draw(st.lists(st.sampled_from(PUBLIC), unique=True)))
    ]  # fmt: skip
    return Keyring(tuple(keys))


@settings(max_examples=40, deadline=None)
@given(keyrings())
def test_what_is_written_is_read(ring: Keyring) -> None:
    data = keyring.write(ring)
    assert keyring.read(data) == ring
    assert keyring.write(keyring.read(data)) == data


def test_a_keyring_written_by_hand_is_read() -> None:
    ring = keyring.read(bundle.keyring())
    assert [k.name for k in ring.in_role(Role.ENFORCER)] == ["Test enforcer"]
    assert len(ring.in_role(Role.BUILDER)) == 5
    revoked = next(k for k in ring.keys if k.revoked)
    assert revoked.revoked == Revocation(
        datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 5, 1, tzinfo=UTC), "lost"
    )
    for key in ring.keys:
        assert ring.by_hint(hint_of(key.public.id)) is key
    assert ring.by_hint(hint_of(Digest("0" * 64))) is None
    assert ring.by_hint("") is None


def test_each_field_is_needed_and_no_other_is_known() -> None:
    for place in ("version", "keys", *(p for p in paths(document()["keys"][-1], "keys.5"))):
        broken = document()
        drop(place)(broken)
        assert refusal(written(broken)), place
    for place in ("extra", "keys.0.extra", "keys.5.revoked.extra"):
        broken = document()
        put(place, "x")(broken)
        assert refusal(written(broken)), place


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (put("version", 1), 'exactly "version": "1"'),
        (put("version", "2"), 'exactly "version": "1"'),
        (put("keys", {}), "a list"),
        (put("keys.0", []), "keys[0]"),
        (put("keys.1.name", None), "keys[1]"),
        (put("keys.1.role", "root"), "'root' is not a valid Role"),
        (put("keys.1.notAfter", "2026-01-01"), "not a time"),
        (put("keys.1.id", "0" * 64), "not the key's own"),
        (put("keys.1.id", str.upper), "SHA-256"),
        (put("keys.1.publicKey", "hello"), "not a PEM public key"),
        (put("keys.1.revoked", value=False), "keys[1].revoked"),
        (put("keys.1.revoked", {}), "keys[1].revoked"),
        (put("keys.5.revoked.reason", 1), "texts"),
        (put("keys.5.revoked.at", "yesterday"), "not a time"),
        (put("keys", lambda keys: [*keys, keys[0]]), "every key once"),
        (put("keys", lambda keys: [*keys, {**keys[0], "role": "enforcer"}]), "every key once"),
        (put("keys.0.name", "two\nlines"), "printable name"),
        (put("keys.0.name", "\u202eabc"), "printable name"),
        (put("keys.0.email", ""), "printable email"),
        (put("keys.0.email", "a <b@c>"), "email that git keeps"),
        (each(put("keys.0.name", "x."), put("keys.0.email", "a@b")), "name that git keeps"),
    ],
)  # fmt: skip
def test_what_is_no_keyring(step: Any, says: str) -> None:
    broken = document()
    step(broken)
    assert says in refusal(written(broken))


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"email": "builder-p256@example.test"}, True),
        ({"email": "BUILDER-P256@example.test", "role": "lead"}, True),
        ({"email": "builder-p256@example.test", "role": "builder"}, False),
        ({"email": "expired@example.test"}, True),
        ({"email": "expired@example.test", "notBefore": "2021-01-01T00:00:00Z"}, False),
        ({"email": "future@example.test", "notAfter": "2090-01-01T00:00:00Z"}, False),
        ({"email": "revoked@example.test"}, False),
    ],
)
def test_keys_of_two_roles_never_share_an_identity_at_one_time(
    fields: dict[str, str], refused: bool
) -> None:
    changed = document()
    next(k for k in changed["keys"] if k["role"] == "enforcer").update(fields)
    if refused:
        assert "another identity for every role" in refusal(written(changed))
    else:
        assert keyring.read(written(changed))


def test_only_two_kinds_of_key_are_registered() -> None:
    others = [
        ec.generate_private_key(ec.SECP384R1()).public_key(),
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        rsa.generate_private_key(65537, 2048).public_key(),
        ed448.Ed448PrivateKey.generate().public_key(),
        x25519.X25519PrivateKey.generate().public_key(),
    ]
    for key in others:
        broken = document()
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        broken["keys"][0]["publicKey"] = pem
        assert "neither ECDSA P-256 nor Ed25519" in refusal(written(broken))
    broken = document()
    broken["keys"][0]["publicKey"] = (bundle.KEYS / "test-only-enforcer.pem").read_text()
    assert "private key" in refusal(written(broken))


@FUZZ
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert refusal(data)


def test_the_limit_comes_first() -> None:
    assert "at most" in refusal(b"[" * (keyring.LIMIT + 1))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v, max_size=3),
    max_leaves=6,
)


@FUZZ
@given(st.sampled_from(paths(document())), ANYTHING)
def test_anything_anywhere_is_refused_or_written_back_the_same(place: str, value: Any) -> None:
    broken = document()
    put(place, value)(broken)
    try:
        ring = keyring.read(written(broken))
    except MalformedError:
        return
    assert json.loads(keyring.write(ring)) == broken


# identities ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Ada Lovelace",
        "a.b",
        "O'Brien",
        "\u0646\u0627\u0645",
        "J\u00fcrgen (x)",
        "a\\b",
        "x, y",
        "-n",
    ],
)
def test_what_git_keeps_is_an_identity(text: str, tmp_path: Path) -> None:
    assert keyring.identity_problem(text, text) == ""
    assert kept(text, tmp_path) == (text, text)


@pytest.mark.parametrize("mark", [*".,:;\"'\\<>", " ", "\n", "\t"])
def test_what_git_changes_is_none(mark: str, tmp_path: Path) -> None:
    for text in (f"a{mark}", f"{mark}a"):
        assert keyring.identity_problem(text, "a@b.test")
        assert keyring.identity_problem("a", text)
        assert kept(text, tmp_path) == ("a", "a")


def kept(text: str, folder: Path) -> tuple[str, str]:
    """Return what git makes of a name and an email in a commit."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    tree = git(folder, "mktree", data=b"")
    commit = git(
        folder, "commit-tree", tree, data=b"x", GIT_AUTHOR_NAME=text, GIT_AUTHOR_EMAIL=text
    )
    name, email = git(folder, "show", "-s", "--format=%an%n%ae", commit).split("\n")
    return name, email
