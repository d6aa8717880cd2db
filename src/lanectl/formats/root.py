"""`.lanectl/trust/root.json` and `root.signatures.json`: strict both ways. Trusts no signature."""

from __future__ import annotations

import base64
import binascii
import json as plain_json
import re
from typing import TYPE_CHECKING, Any, Final

from lanectl.formats import json
from lanectl.formats.envelope import pre_authentication_encoding
from lanectl.formats.fields import Fields
from lanectl.formats.keys import is_valid_signature, read_public_key
from lanectl.model.names import Digest, RepositoryId
from lanectl.model.root import Endorsement, Root, RootKey, RootSignature, is_endorsed
from lanectl.model.trust import hint_of

if TYPE_CHECKING:
    from collections.abc import Iterable

PAYLOAD_TYPE: Final = "application/vnd.lanectl.trust+json"
LIMIT: Final = 1 << 20
MOST_KEYS: Final = 32
MOST_SIGNATURES: Final = 2 * MOST_KEYS
"""Of the root before and the one after it."""

_FIELDS: Final = Fields("trust/root")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def write_root(root: Root) -> bytes:
    """Return the bytes of `root.json`."""
    keys = [
        {"id": key.public.id, "name": key.name, "publicKey": key.public.pem} for key in root.keys
    ]
    return _pretty({"keys": keys, "threshold": root.threshold, "version": "1"})


def read_root(data: bytes) -> Root:
    """Return the root in these bytes.

    Raises MalformedError `trust/root`: unknown fields, a key whose id is not its own, one key
    twice, a threshold that is not within 1 and the number of keys.
    """
    value = json.load(data, rule="trust/root", limit=LIMIT)
    top = _FIELDS.mapping(value, "the file", {"keys", "threshold", "version"})
    _FIELDS.constant(top["version"], "1", "version")
    if not isinstance(top["keys"], list) or not 1 <= len(top["keys"]) <= MOST_KEYS:
        _FIELDS.refuse("keys", "something else", f"a list of 1 to {MOST_KEYS} keys")
    keys = tuple(_key(item, f"keys[{n}]") for n, item in enumerate(top["keys"]))
    if len({key.public.id for key in keys}) != len(keys):
        _FIELDS.refuse("keys", "one key twice", "every key once")
    threshold = top["threshold"]
    if type(threshold) is not int or not 1 <= threshold <= len(keys):
        _FIELDS.refuse("threshold", str(threshold), f"a number from 1 to {len(keys)}")
    return Root(threshold, keys)


def write_endorsement(endorsement: Endorsement) -> bytes:
    """Return the bytes of `root.signatures.json`."""
    signatures = [
        {"hint": s.hint, "signature": base64.b64encode(s.signature).decode("ascii")}
        for s in endorsement.signatures
    ]
    return _pretty({**_statement(endorsement), "signatures": signatures})


def read_endorsement(data: bytes) -> Endorsement:
    """Return what was endorsed and by which signatures. Raises MalformedError `trust/root`."""
    value = json.load(data, rule="trust/root", limit=LIMIT)
    wanted = {"files", "repository", "signatures", "version"}
    top = _FIELDS.mapping(value, "the file", wanted)
    version = _FIELDS.text(top["version"], "version")
    if not _VERSION.fullmatch(version):
        _FIELDS.refuse("version", version, "a whole number from 1")
    items = top["signatures"]
    if not isinstance(items, list) or len(items) > MOST_SIGNATURES:
        _FIELDS.refuse("signatures", "something else", f"a list of at most {MOST_SIGNATURES}")
    if not isinstance(top["files"], dict):
        _FIELDS.refuse("files", "something else", "an object")
    files = _FIELDS.texts(top["files"], "files")
    if strange := [path for path in files if not is_endorsed(path)]:
        _FIELDS.refuse("files", strange[0], "files of the trust folder, and lanectl.toml")
    try:
        return Endorsement(
            int(version), RepositoryId(_FIELDS.text(top["repository"], "repository")),
            {path: Digest(digest) for path, digest in files.items()},
            tuple(_signature(item, f"signatures[{n}]") for n, item in enumerate(items)),
        )  # fmt: skip
    except ValueError as error:
        _FIELDS.refuse("the file", str(error), "valid names")


def message(endorsement: Endorsement) -> bytes:
    """Return the bytes that a root's key signs: DSSE's encoding of RFC 8785 JSON of strings."""
    return pre_authentication_encoding(PAYLOAD_TYPE, json.dump(_statement(endorsement)))


def signed_by(root: Root, endorsement: Endorsement) -> tuple[RootKey, ...]:
    """Return the root's keys that signed an endorsement, each once, however often it did."""
    signed, by_hint = message(endorsement), _by_hint(endorsement.signatures)
    return tuple(
        key for key in root.keys
        if any(
            is_valid_signature(key.public, signature, signed)
            for signature in by_hint.get(hint_of(key.public.id), ())
        )
    )  # fmt: skip


def _by_hint(signatures: Iterable[RootSignature]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for item in signatures:
        found.setdefault(item.hint, []).append(item.signature)
    return found


def _statement(endorsement: Endorsement) -> dict[str, Any]:
    return {
        "files": dict(endorsement.files),
        "repository": endorsement.repository,
        "version": str(endorsement.version),
    }


def _pretty(value: Any) -> bytes:
    text = plain_json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode()


def _key(item: Any, where: str) -> RootKey:
    text = _FIELDS.texts(_FIELDS.mapping(item, where, {"id", "name", "publicKey"}), where)
    name = text["name"]
    if not name.strip() or name != name.strip() or not name.isprintable():
        _FIELDS.refuse(where, name, "a printable name")
    try:
        public = read_public_key(text["publicKey"])
    except ValueError as error:
        _FIELDS.refuse(where, str(error), "a public key")
    if public.id != text["id"]:
        _FIELDS.refuse(where, f"the id {text['id']}", f"the key's own, {public.id}")
    return RootKey(name, public)


def _signature(item: Any, where: str) -> RootSignature:
    text = _FIELDS.texts(_FIELDS.mapping(item, where, {"hint", "signature"}), where)
    try:
        return RootSignature(text["hint"], base64.b64decode(text["signature"], validate=True))
    except (binascii.Error, ValueError) as error:
        _FIELDS.refuse(where, str(error), "standard base64")
