"""What a forger does to a good bundle afterwards, and the rule that each of it breaks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.sigstore.material import Sigstore

PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'
Bundle = dict[str, Any]
Forgery = Callable[[Sigstore, Bundle], None]
"""Changes a bundle of this Sigstore, which may be asked for other material."""


def material(bundle: Bundle) -> Any:
    return bundle["verificationMaterial"]


def entry(bundle: Bundle) -> Any:
    return material(bundle)["tlogEntries"][0]


def flipped(text: str) -> str:
    """Return base64 of the same bytes with the last one changed."""
    data = bytearray(base64.b64decode(text))
    data[-1] ^= 1
    return base64.b64encode(data).decode()


def payload_changed(sigstore: Sigstore, bundle: Bundle) -> None:
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(PAYLOAD + b" ").decode()


def signature_changed(sigstore: Sigstore, bundle: Bundle) -> None:
    one = bundle["dsseEnvelope"]["signatures"][0]
    one["sig"] = flipped(one["sig"])


def signature_of_another_payload(sigstore: Sigstore, bundle: Bundle) -> None:
    bundle["dsseEnvelope"]["signatures"] = sigstore.bundle(b"{}")["dsseEnvelope"]["signatures"]


def certificate_of_another_key(sigstore: Sigstore, bundle: Bundle) -> None:
    material(bundle)["certificate"] = material(sigstore.bundle(PAYLOAD))["certificate"]


def root_changed(sigstore: Sigstore, bundle: Bundle) -> None:
    proof = entry(bundle)["inclusionProof"]
    proof["rootHash"] = flipped(proof["rootHash"])


def entry_changed(sigstore: Sigstore, bundle: Bundle) -> None:
    entry(bundle)["canonicalizedBody"] = flipped(entry(bundle)["canonicalizedBody"])


def entry_about_something_else(sigstore: Sigstore, bundle: Bundle) -> None:
    material(bundle)["tlogEntries"] = material(sigstore.bundle(b"{}"))["tlogEntries"]


def entry_of_another_signature(sigstore: Sigstore, bundle: Bundle) -> None:
    material(bundle)["tlogEntries"] = material(sigstore.bundle(PAYLOAD))["tlogEntries"]


def entry_of_another_log(sigstore: Sigstore, bundle: Bundle) -> None:
    material(bundle)["tlogEntries"] = material(Sigstore().bundle(PAYLOAD))["tlogEntries"]


def checkpoint_of_another_log(sigstore: Sigstore, bundle: Bundle) -> None:
    other = entry(Sigstore().bundle(PAYLOAD))["inclusionProof"]["checkpoint"]
    entry(bundle)["inclusionProof"]["checkpoint"] = other


def promise_changed(sigstore: Sigstore, bundle: Bundle) -> None:
    promise = entry(bundle)["inclusionPromise"]
    promise["signedEntryTimestamp"] = flipped(promise["signedEntryTimestamp"])


def time_of_the_log_changed(sigstore: Sigstore, bundle: Bundle) -> None:
    entry(bundle)["integratedTime"] = str(int(entry(bundle)["integratedTime"]) + 1)


def time_of_the_log_absurd(sigstore: Sigstore, bundle: Bundle) -> None:
    entry(bundle)["integratedTime"] = str(2**63)


def time_of_the_log_outside_of_the_certificate(sigstore: Sigstore, bundle: Bundle) -> None:
    entry(bundle)["integratedTime"] = str(int(entry(bundle)["integratedTime"]) + 86_400)


def no_proof(sigstore: Sigstore, bundle: Bundle) -> None:
    del entry(bundle)["inclusionProof"]


def no_checkpoint(sigstore: Sigstore, bundle: Bundle) -> None:
    del entry(bundle)["inclusionProof"]["checkpoint"]


def no_entry(sigstore: Sigstore, bundle: Bundle) -> None:
    material(bundle)["tlogEntries"] = []


def no_word_of_entries(sigstore: Sigstore, bundle: Bundle) -> None:
    del material(bundle)["tlogEntries"]


def two_entries(sigstore: Sigstore, bundle: Bundle) -> None:
    material(bundle)["tlogEntries"] *= 2


def no_promise(sigstore: Sigstore, bundle: Bundle) -> None:
    del entry(bundle)["inclusionPromise"]


def no_time(sigstore: Sigstore, bundle: Bundle) -> None:
    del entry(bundle)["integratedTime"]


def index_beyond_the_tree(sigstore: Sigstore, bundle: Bundle) -> None:
    entry(bundle)["inclusionProof"]["logIndex"] = "99"


def version_of_tomorrow(sigstore: Sigstore, bundle: Bundle) -> None:
    entry(bundle)["kindVersion"]["version"] = "0.0.9"


def certificate_is_none(sigstore: Sigstore, bundle: Bundle) -> None:
    material(bundle)["certificate"]["rawBytes"] = base64.b64encode(b"hello").decode()


FORGERIES: list[tuple[Forgery, str]] = [
    (payload_changed, "signature/invalid"),
    (signature_changed, "signature/invalid"),
    (signature_of_another_payload, "signature/invalid"),
    (certificate_of_another_key, "signature/invalid"),
    (certificate_is_none, "keyless/certificate"),
    (root_changed, "keyless/log"),
    (entry_changed, "keyless/log"),
    (entry_about_something_else, "keyless/log"),
    (entry_of_another_signature, "keyless/log"),
    (entry_of_another_log, "keyless/log"),
    (checkpoint_of_another_log, "keyless/log"),
    (promise_changed, "keyless/log"),
    (time_of_the_log_changed, "keyless/log"),
    (no_proof, "keyless/log"),
    (no_checkpoint, "keyless/log"),
    (no_entry, "keyless/log"),
    (no_word_of_entries, "keyless/log"),
    (two_entries, "keyless/log"),
    (time_of_the_log_absurd, "keyless/time"),
    (time_of_the_log_outside_of_the_certificate, "keyless/time"),
    (no_promise, "keyless/time"),
    (no_time, "keyless/time"),
    (index_beyond_the_tree, "keyless/invalid"),
    (version_of_tomorrow, "keyless/invalid"),
]
