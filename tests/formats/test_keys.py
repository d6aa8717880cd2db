"""Public keys and signatures: two algorithms, and nothing that raises."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.formats.keys import is_valid_signature, read_public_key
from lanectl.model.trust import Algorithm
from tests.assets.bundles.workshop import bundle

FUZZ = settings(max_examples=40, deadline=None)
PEMS = {n: bundle.public(n, Encoding.PEM).decode() for n in ("builder-p256", "builder-ed25519")}
KEYS = {name: read_public_key(pem) for name, pem in PEMS.items()}


def test_a_key_says_what_it_is() -> None:
    assert KEYS["builder-p256"].algorithm is Algorithm.ECDSA_P256
    assert KEYS["builder-ed25519"].algorithm is Algorithm.ED25519
    for name, key in KEYS.items():
        assert key.id == hashlib.sha256(bundle.public(name, Encoding.DER)).hexdigest()
        assert key.pem == PEMS[name]


def test_other_line_ends_and_words_around_make_no_other_key() -> None:
    for name, pem in PEMS.items():
        for spelled in (pem.replace("\n", "\r\n"), f"a comment\n{pem}", pem.strip()):
            assert read_public_key(spelled) == KEYS[name]


@pytest.mark.parametrize("name", list(PEMS))
def test_openssl_computes_the_same_id(name: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(PEMS[name])
    done = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", tmp_path / "key.pem", "-outform", "DER"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert KEYS[name].id == hashlib.sha256(done.stdout).hexdigest()


@FUZZ
@given(st.sampled_from(list(PEMS)), st.binary(max_size=100))
def test_only_the_own_signature_over_the_same_message_is_valid(name: str, message: bytes) -> None:
    signature = bundle.sign(name, message)
    other = next(n for n in PEMS if n != name)
    assert is_valid_signature(KEYS[name], signature, message)
    assert not is_valid_signature(KEYS[name], signature, message + b"\0")
    assert not is_valid_signature(KEYS[other], signature, message)
    assert not is_valid_signature(KEYS[name], bundle.sign(other, message), message)


@FUZZ
@given(st.sampled_from(list(PEMS)), st.binary(max_size=80))
def test_no_bytes_are_a_signature_and_none_raise(name: str, signature: bytes) -> None:
    assert not is_valid_signature(KEYS[name], signature, b"message")


@FUZZ
@given(st.data())
def test_no_changed_signature_is_valid(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(PEMS)))
    signature = bytearray(bundle.sign(name, b"message"))
    at = data.draw(st.integers(0, len(signature) - 1))
    signature[at] ^= data.draw(st.integers(1, 255))
    assert not is_valid_signature(KEYS[name], bytes(signature), b"message")


@FUZZ
@given(
    st.text(max_size=200)
    | st.text(max_size=80).map(
        lambda t: f"-----BEGIN PUBLIC KEY-----\n{t}\n-----END PUBLIC KEY-----\n"
    )
    | st.binary(max_size=80).map(
        lambda b: f"-----BEGIN PUBLIC KEY-----\n{b.hex()}\n-----END PUBLIC KEY-----\n"
    )
)
def test_no_text_is_a_key_and_none_raises_anything_else(pem: str) -> None:
    with pytest.raises(ValueError):
        read_public_key(pem)


def test_a_private_key_is_never_taken_for_a_public_one() -> None:
    for name, public in PEMS.items():
        pem = (bundle.KEYS / f"test-only-{name}.pem").read_text()
        with pytest.raises(ValueError, match=r"private key; give its public part"):
            read_public_key(pem)
        with pytest.raises(ValueError, match="private key"):
            read_public_key(public + pem)
