"""A log of certificates (RFC 6962) as far as Fulcio speaks to one: it takes precertificates.

`python -m tests.private_sigstore.certificate_log FOLDER PORT`. It takes only what the folder's Fulcio
issued, signs a timestamp over it, and keeps nothing: nobody reads the log itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
import time
from pathlib import Path

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.private_sigstore.material import load, public_der
from tests.private_sigstore.serving import Request, serve

POISON = "1.3.6.1.4.1.11129.2.4.3"


def without_poison(der: bytes) -> bytes:
    """Return the certificate's body as it will be issued; ValueError if it is no precertificate."""
    body = asn1.Certificate.load(der)["tbs_certificate"]
    kept = [one for one in body["extensions"] if one["extn_id"].dotted != POISON]
    if len(kept) != len(body["extensions"]) - 1:
        raise ValueError("no precertificate")
    body["extensions"] = kept
    found: bytes = body.dump(force=True)
    return found


def timestamp(
    key: ec.EllipticCurvePrivateKey, chain: list[bytes], issuers: list[x509.Certificate]
) -> object:
    """Return the signed timestamp over a precertificate of one of these issuers."""
    issuer = x509.load_der_x509_certificate(chain[1])
    if issuer not in issuers:
        raise ValueError("an issuer that this log does not take")
    try:
        x509.load_der_x509_certificate(chain[0]).verify_directly_issued_by(issuer)
    except InvalidSignature as error:
        raise ValueError("not of this issuer") from error
    body, now = without_poison(chain[0]), int(time.time() * 1000)
    issued_by = hashlib.sha256(public_der(issuer.public_key())).digest()
    entry = (
        struct.pack("!BBQH", 0, 0, now, 1)
        + issued_by
        + struct.pack("!I", len(body))[1:]
        + body
        + b"\0\0"
    )
    signature = key.sign(entry, ec.ECDSA(hashes.SHA256()))
    log_id = hashlib.sha256(public_der(key.public_key())).digest()
    return {
        "sct_version": 0, "id": base64.b64encode(log_id).decode(), "timestamp": now, "extensions": "",
        "signature": base64.b64encode(b"\4\3" + struct.pack("!H", len(signature)) + signature).decode(),
    }  # fmt: skip


def main(folder: str, port: str) -> None:
    key = load(Path(folder), "ct")
    issuers = x509.load_pem_x509_certificates((Path(folder) / "fulcio-chain.pem").read_bytes())

    def answer(request: Request) -> object | None:
        if request.path != "/ct/v1/add-pre-chain":
            return None
        chain = [base64.b64decode(one) for one in json.loads(request.body)["chain"]]
        return timestamp(key, chain, issuers)

    serve(int(port), answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
