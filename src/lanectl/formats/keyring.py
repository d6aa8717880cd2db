"""`.lanectl/trust/keyring.json`: the keys that the target branch registers. Strict both ways."""

from __future__ import annotations

import json as plain_json
from typing import TYPE_CHECKING, Any, NoReturn

from lanectl.formats import json
from lanectl.formats.keys import read_public_key
from lanectl.formats.statement import format_time, parse_time
from lanectl.model.names import Digest
from lanectl.model.report import Fault, MalformedError
from lanectl.model.trust import Key, Keyring, PublicKey, Revocation, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = ".lanectl/trust/keyring.json"
LIMIT = 1 << 20

_STRIPPED = ".,:;\"'\\"
"""What git takes off the ends of a name or an email."""

_FIELDS = {"email", "id", "name", "notAfter", "notBefore", "publicKey", "revoked", "role"}


def write(keyring: Keyring) -> bytes:
    """Return the file's bytes: sorted keys, two spaces, one newline at the end."""
    document = {"version": "1", "keys": [_entry(k) for k in keyring.keys]}
    return (
        plain_json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    ).encode()


def read(data: bytes) -> Keyring:
    """Return the keyring in these bytes.

    Raises MalformedError `trust/keyring`: not strict JSON, unknown fields, a key whose id is not
    its own, one key twice (in two roles or one), one identity in two roles, a time that is none.
    """
    value = json.load(data, rule="trust/keyring", limit=LIMIT)
    if (
        not isinstance(value, dict)
        or value.keys() != {"keys", "version"}
        or value["version"] != "1"
    ):
        _refuse("the file", 'exactly "version": "1" and "keys"')
    if not isinstance(value["keys"], list):
        _refuse("keys", "a list")
    keys = tuple(_read_key(item, f"keys[{n}]") for n, item in enumerate(value["keys"]))
    if len({k.public.id for k in keys}) != len(keys):
        _refuse("keys", "every key once: Builder and Enforcer never share one")
    if shared := shared_identity(keys):
        _refuse("keys", f"another identity for every role: {shared[0].email} has two")
    return Keyring(keys)


def shared_identity(keys: Sequence[Key]) -> tuple[Key, Key] | None:
    """Return two keys of different roles that stand for one person at one time, or None.

    A revoked key stands for nobody any more.
    """
    good = [k for k in keys if k.revoked is None]
    for number, one in enumerate(good):
        for other in good[:number]:
            if (
                one.role is not other.role
                and one.is_same_person(other)
                and one.not_before < other.not_after
                and other.not_before < one.not_after
            ):
                return other, one
    return None


def _entry(key: Key) -> dict[str, Any]:
    revoked = key.revoked and {
        "at": format_time(key.revoked.at),
        "compromisedSince": format_time(key.revoked.compromised_since),
        "reason": key.revoked.reason,
    }
    return {
        "email": key.email,
        "id": key.public.id,
        "name": key.name,
        "notAfter": format_time(key.not_after),
        "notBefore": format_time(key.not_before),
        "publicKey": key.public.pem,
        "revoked": revoked,
        "role": key.role,
    }


def _read_key(item: Any, where: str) -> Key:
    if not isinstance(item, dict) or item.keys() != _FIELDS:
        _refuse(where, f"exactly {', '.join(sorted(_FIELDS))}")
    text = {name: item[name] for name in _FIELDS - {"revoked"}}
    if any(not isinstance(v, str) for v in text.values()):
        _refuse(where, "texts")
    if problem := identity_problem(text["name"], text["email"]):
        _refuse(where, problem)
    try:
        return Key(
            public=_read_public(text["publicKey"], Digest(text["id"])),
            role=Role(text["role"]),
            name=text["name"],
            email=text["email"],
            not_before=parse_time(text["notBefore"]),
            not_after=parse_time(text["notAfter"]),
            revoked=_read_revocation(item["revoked"], where),
        )
    except ValueError as error:
        raise MalformedError(Fault("trust/keyring", where=where, got=str(error))) from error


def identity_problem(name: str, email: str) -> str:
    """Return why git could not write this identity into a commit unchanged, or an empty string."""
    for label, text in (("name", name), ("email", email)):
        if not text.strip() or text != text.strip() or not text.isprintable():
            return f"a printable {label} without surrounding white space"
        if any(c in text for c in "<>") or text[0] in _STRIPPED or text[-1] in _STRIPPED:
            return f"a {label} that git keeps unchanged (no <, >, or punctuation at its ends)"
    return ""


def _read_public(pem: str, expected: Digest) -> PublicKey:
    key = read_public_key(pem)
    if key.id != expected:
        raise ValueError(f"the id is not the key's own, which is {key.id}")
    return key


def _read_revocation(item: Any, where: str) -> Revocation | None:
    if item is None:
        return None
    fields = {"at", "compromisedSince", "reason"}
    if not isinstance(item, dict) or item.keys() != fields:
        _refuse(f"{where}.revoked", f"null, or exactly {', '.join(sorted(fields))}")
    if any(not isinstance(v, str) for v in item.values()):
        _refuse(f"{where}.revoked", "texts")
    return Revocation(parse_time(item["at"]), parse_time(item["compromisedSince"]), item["reason"])


def _refuse(where: str, expected: str) -> NoReturn:
    raise MalformedError(
        Fault("trust/keyring", where=where, got="something else", expected=expected)
    )
