"""A transparency log in the shape of Rekor v1 and of Rekor v2: a real tree, with real proofs."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.sigstore.authority import new_key, sign, spki


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Log:
    """One log; `version` is that of its entries and of its API."""

    def __init__(self, host: str, version: int) -> None:
        self.key = new_key()
        self.version = version
        self._host = host
        self._leaves: list[bytes] = []
        self._lock = threading.Lock()

    @property
    def id(self) -> bytes:
        return hashlib.sha256(spki(self.key)).digest()

    def add(self, envelope: dict[str, Any], certificate: x509.Certificate, at: datetime) -> Any:
        """Log a DSSE envelope and return the entry as a bundle holds it."""
        if self.version == 1:
            return self._entry("dsse", _dsse_body(envelope, certificate), at)
        (signature,) = envelope["signatures"]
        digest = hashlib.sha256(_pae(envelope)).digest()
        der = b64(certificate.public_bytes(Encoding.DER))
        verifier = {"x509Certificate": {"rawBytes": der}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
        return self.add_digest(b64(digest), {"content": signature["sig"], "verifier": verifier})

    def add_digest(self, digest: str, signature: dict[str, Any]) -> Any:
        """Log what Rekor v2 is asked to: a digest and its signature."""
        spec = {"data": {"algorithm": "SHA2_256", "digest": digest}, "signature": signature}
        body = {
            "apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": spec},
        }  # fmt: skip
        return self._entry("hashedrekord", body, None)

    def _entry(self, kind: str, body: dict[str, Any], at: datetime | None) -> Any:
        data = canonical(body)
        with self._lock:
            self._leaves.append(hashlib.sha256(b"\x00" + data).digest())
            leaves = list(self._leaves)
        index = len(leaves) - 1
        entry: dict[str, Any] = {
            "logIndex": str(index),
            "logId": {"keyId": b64(self.id)},
            "kindVersion": {"kind": kind, "version": body["apiVersion"]},
            "inclusionProof": {
                "logIndex": str(index),
                "rootHash": b64(_root(leaves)),
                "treeSize": str(len(leaves)),
                "hashes": [b64(one) for one in _path(index, leaves)],
                "checkpoint": {"envelope": self._checkpoint(leaves)},
            },
            "canonicalizedBody": b64(data),
        }
        if at is not None:
            time = int(at.timestamp())
            promise = {
                "body": b64(data), "integratedTime": time, "logID": self.id.hex(), "logIndex": index,
            }  # fmt: skip
            entry["integratedTime"] = str(time)
            entry["inclusionPromise"] = {
                "signedEntryTimestamp": b64(sign(self.key, canonical(promise)))
            }
        return entry

    def _checkpoint(self, leaves: list[bytes]) -> str:
        """Return the signed head (C2SP tlog-checkpoint)."""
        origin = self._host if self.version == 2 else f"{self._host} - 1"  # the tree's number
        note = f"{origin}\n{len(leaves)}\n{b64(_root(leaves))}\n"
        signature = b64(self.id[:4] + sign(self.key, note.encode()))
        return f"{note}\n\u2014 {self._host} {signature}\n"


def as_rekor_answers(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry in the words of the API of Rekor v1."""
    proof = entry["inclusionProof"]
    unpacked = lambda text: base64.b64decode(text).hex()
    return {
        "0" * 64: {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logID": unpacked(entry["logId"]["keyId"]),
            "logIndex": int(entry["logIndex"]),
            "verification": {
                "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
                "inclusionProof": {
                    "logIndex": int(proof["logIndex"]),
                    "treeSize": int(proof["treeSize"]),
                    "rootHash": unpacked(proof["rootHash"]),
                    "hashes": [unpacked(one) for one in proof["hashes"]],
                    "checkpoint": proof["checkpoint"]["envelope"],
                },
            },
        }
    }


def _dsse_body(envelope: dict[str, Any], certificate: x509.Certificate) -> dict[str, Any]:
    sha = lambda data: {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}
    (signature,) = envelope["signatures"]
    verifier = b64(certificate.public_bytes(Encoding.PEM))
    return {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": sha(canonical(envelope)),
            "payloadHash": sha(base64.b64decode(envelope["payload"])),
            "signatures": [{"signature": signature["sig"], "verifier": verifier}],
        },
    }


def _pae(envelope: dict[str, Any]) -> bytes:
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _split(count: int) -> int:
    """Return the largest power of two that is smaller (RFC 6962, 2.1)."""
    return 1 << ((count - 1).bit_length() - 1)


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    at = _split(len(leaves))
    return hashlib.sha256(b"\x01" + _root(leaves[:at]) + _root(leaves[at:])).digest()


def _path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    at = _split(len(leaves))
    if index < at:
        return [*_path(index, leaves[:at]), _root(leaves[at:])]
    return [*_path(index - at, leaves[at:]), _root(leaves[:at])]
