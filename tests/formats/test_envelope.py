"""The signature file: what others verify, and the one form that is read."""

from __future__ import annotations

import base64
import json as plain_json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.formats import envelope
from lanectl.formats.keys import read_public_key
from lanectl.model.report import MalformedError
from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.bundle import Plan
from tests.assets.bundles.workshop.steps import paths, put

FUZZ = settings(max_examples=40, deadline=None)
KEY = read_public_key(bundle.public("builder-p256", Encoding.PEM).decode())


def refusal(data: bytes) -> str:
    with pytest.raises(MalformedError) as caught:
        envelope.read(data)
    return caught.value.fault.rule


def test_the_encoding_is_the_one_of_the_dsse_protocol() -> None:
    # the vector of the protocol's own description
    encoded = envelope.pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert envelope.pre_authentication_encoding("\u00e9", b"") == b"DSSEv1 2 \xc3\xa9 0 "


@FUZZ
@given(st.binary(min_size=1, max_size=200), st.binary(min_size=1, max_size=80))
def test_what_is_written_is_read(payload: bytes, signature: bytes) -> None:
    read = envelope.read(envelope.write(payload, signature, KEY))
    assert (read.payload, read.signature, read.payload_type) == (
        payload, signature, "application/vnd.in-toto+json",
    )  # fmt: skip
    assert base64.b64decode(read.hint) == bundle.key_id("builder-p256")


def test_two_writers_of_the_format_agree() -> None:
    plan = Plan(key="builder-p256")
    signature = bundle.sign("builder-p256", bundle.pae(b"{}"))
    assert envelope.write(b"{}", signature, KEY) == bundle.envelope(plan, b"{}")


def test_another_library_verifies_it() -> None:
    file = plain_json.loads(bundle.make(Plan(key="builder-p256")).signature or b"")
    inside = file["dsseEnvelope"]
    payload = base64.b64decode(inside["payload"], validate=True)
    message = envelope.pre_authentication_encoding(inside["payloadType"], payload)
    (signature,) = inside["signatures"]
    assert signature.keys() == {"sig"}  # cosign skips a signature whose keyid is not its own
    bundle.private("builder-p256").public_key().verify(
        base64.b64decode(signature["sig"], validate=True), message, ec.ECDSA(hashes.SHA256())
    )


def test_an_empty_payload_or_signature_is_never_read() -> None:
    assert refusal(envelope.write(b"", b"x", KEY)) == "envelope/base64"
    assert refusal(envelope.write(b"x", b"", KEY)) == "envelope/base64"


def test_the_limit_comes_first() -> None:
    assert refusal(b"[" * (envelope.FILE_LIMIT + 1)) == "envelope/malformed"


@FUZZ
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert refusal(data).startswith("envelope/")


GOOD = bundle.make(Plan()).signature or b""
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=50)
    | st.binary(max_size=40).map(lambda b: base64.b64encode(b).decode()),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v, max_size=3),
    max_leaves=6,
)  # fmt: skip


@FUZZ
@given(st.sampled_from(paths(plain_json.loads(GOOD))), ANYTHING)
def test_anything_anywhere_is_refused_or_says_what_it_said(place: str, value: Any) -> None:
    document = plain_json.loads(GOOD)
    put(place, value)(document)
    try:
        read = envelope.read(plain_json.dumps(document).encode())
    except MalformedError:
        return
    inside = document["dsseEnvelope"]
    assert base64.b64encode(read.payload).decode() == inside["payload"]
    assert [{"sig": base64.b64encode(read.signature).decode()}] == inside["signatures"]
    assert len(base64.b64decode(read.hint)) == 32
