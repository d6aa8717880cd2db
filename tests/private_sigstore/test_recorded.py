"""A bundle that the real servers signed some day: its certificate is over, and it proves what it did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.x509 import load_der_x509_certificate

from lanectl.formats import envelope, keyless
from lanectl.model.bundle import ARTIFACT, SIGNATURE_SUFFIX

RECORDED = Path(__file__).resolve().parents[1] / "assets/keyless"
IDENTITY = "https://github.com/acme/app/.github/workflows/handoff.yml@refs/heads/main"


def test_a_bundle_is_proved_outside_of_its_certificates_ten_minutes() -> None:
    found = envelope.read_any((RECORDED / f"{ARTIFACT}{SIGNATURE_SUFFIX}").read_bytes())
    certificate = load_der_x509_certificate(found.certificate)
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    assert end - start == timedelta(minutes=10)
    assert not start <= datetime.now(UTC) <= end
    facts = keyless.examine(found, (RECORDED / "trusted_root.json").read_bytes())
    assert facts.fault is None
    assert facts.identity == IDENTITY
    assert facts.signed is not None
    assert start <= facts.signed <= end
