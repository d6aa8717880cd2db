"""What gpg writes, read strictly: armour, packets, status lines, listings. No gpg is run here."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.formats import gpg
from lanectl.formats.gpg_listing import read_keys
from lanectl.model.gpg import GpgKeyFacts, GpgPart, GpgRevocation
from lanectl.model.report import MalformedError

ANN = "11F5E5A5BAF88BB8071B0ADFCDA3F324ED1DA736"
SIGNATURE = b"""-----BEGIN PGP SIGNATURE-----

iHUEABYIAB0WIQQR9eWluviLuAcbCt/No/Mk7R2nNgUCaVZhwAAKCRDNo/Mk7R2n
NtK3AQCbfqDh4yifZw8kPZczzpVmsJLQoY/y9B2Y9KUw0B5/ywD+K4XzPBo9VR3o
DPlksybPHDsmeRflRmZHVyKWtjgr0wc=
=Mj12
-----END PGP SIGNATURE-----
"""
KEY = b"""-----BEGIN PGP PUBLIC KEY BLOCK-----
Comment: ann

mDMEaVZhwBYJKwYBBAHaRw8BAQdA47NTm9oFRrV8G2qkwff7lE1lcoWN7/puOe0d
oOqjVJy0C0EgPGFAeC5vcmc+iJYEExYIAD4WIQQR9eWluviLuAcbCt/No/Mk7R2n
NgUCaVZhwAIbAwUJACeNAAULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAKCRDNo/Mk
7R2nNqgOAQCYUVeJY7gm+uIAAmw7M1bovbgoJy2Aop/aqoGNr3xJsAEAqsy4eVR7
MUW1dShl5P63PSYSDNpZscN0udNM8bOioAo=
=F7nv
-----END PGP PUBLIC KEY BLOCK-----
"""
GOOD = f"""[GNUPG:] NEWSIG
[GNUPG:] KEYEXPIRED 1769860800
[GNUPG:] SIG_ID fcrY0bq0tyBhelaCQ0+P1hQboW4 2026-01-01 1767268800
[GNUPG:] GOODSIG CDA3F324ED1DA736 A <a@example.org>
[GNUPG:] VALIDSIG {ANN} 2026-01-01 1767268800 0 4 0 22 8 00 {ANN}
[GNUPG:] TRUST_UNDEFINED 0 pgp
"""
LISTING = f"""tru::1:1795879187:0:3:1:5
pub:u:255:22:50B6FA7D675ADF9B:1767268800:::u:::cC:::::ed25519:::0:
fpr:::::::::0B8748482ACDEA9EF2C350AB50B6FA7D675ADF9B:
uid:u::::1767268800::E7700DE79A96130053A6FB96AA9EC8D05A6DB045::B <b@example.org>::::::::::0:
rev:!::22:50B6FA7D675ADF9B:1768046400::::B:30x,00::0B8748482ACDEA9EF2C350AB50B6FA7D675ADF9B:::8:
sub:r:255:22:2FE28479ACD6C35D:1767268800:1769860800:::::s:::::ed25519::
fpr:::::::::7C365339DF1FF0CA058A49322FE28479ACD6C35D:
rev:!::22:50B6FA7D675ADF9B:1768046400::::B:28x,01::0B8748482ACDEA9EF2C350AB50B6FA7D675ADF9B:::8:
pub:e:255:22:CDA3F324ED1DA736:1767268800:1769860800::u:::scSC:::::ed25519:::0:
fpr:::::::::{ANN}:
"""


def armoured(raw: bytes) -> bytes:
    text = base64.encodebytes(raw)
    return b"-----BEGIN PGP SIGNATURE-----\n\n" + text + b"-----END PGP SIGNATURE-----\n"


def packet() -> bytes:
    """The sample's packet, in the old format: two bytes before its body."""
    return base64.b64decode(b"".join(SIGNATURE.split(b"\n")[2:5]))


def refused(data: bytes) -> str:
    with pytest.raises(MalformedError) as caught:
        gpg.read_signature(data)
    assert caught.value.fault.rule == "gpg/malformed"
    return caught.value.fault.got


def test_a_signature_becomes_its_one_packet() -> None:
    body = packet()[2:]
    whole = b"\xc2\xff" + len(body).to_bytes(4, "big") + body
    for spelled in (
        SIGNATURE, SIGNATURE.replace(b"\n", b"\r\n"), SIGNATURE.replace(b"=Mj12\n", b""),
        SIGNATURE.replace(b"\n\n", b"\nVersion: GnuPG v2\n\n", 1), SIGNATURE + b"\n\n", armoured(whole),
        armoured(b"\xc2" + bytes([len(body)]) + body),
        armoured(b"\x89" + len(body).to_bytes(2, "big") + body),
    ):  # fmt: skip
        assert gpg.read_signature(spelled) == whole


def test_what_gpg_would_forgive_is_refused() -> None:
    raw = packet()
    assert refused(b" " + SIGNATURE) == "something else"
    assert refused(SIGNATURE + SIGNATURE) == "something else"
    assert refused(KEY) == "something else"
    assert refused(SIGNATURE.replace(b"=Mj12", b"=Mj13")) == "a wrong checksum"
    assert refused(SIGNATURE.replace(b"wc=", b"wc")) == "broken base64"
    assert refused(armoured(raw + raw)) == "2 packets"
    assert refused(armoured(raw[:2] + b"\x03" + raw[3:])) == "another version of signature"
    assert refused(armoured(raw[:3] + b"\x01" + raw[4:])) == "a signature of type 0x01"
    assert refused(armoured(raw[:5] + b"\x02" + raw[6:])) == "hash algorithm 2"
    assert refused(armoured(raw[:-1])) == "a cut packet"
    assert refused(armoured(b"\xc2\xe0" + raw[2:])) == "a packet of unknown length"
    assert refused(armoured(b"\x8b" + raw[2:])).endswith("packet")
    assert refused(armoured(b"\x00" + raw)) == "no OpenPGP packet"
    assert refused(armoured(b"\xc2\x01\x04")) == "another version of signature"
    assert refused(b"x" * (gpg.LIMIT + 1)) == "more than 65536 bytes"


def test_a_public_key_has_its_own_fingerprint() -> None:
    fingerprint, packets = gpg.read_public_key(KEY)
    assert fingerprint == ANN
    assert base64.b64encode(packets)[:8] == b"mDMEaVZh"
    other = KEY.replace(b"47NTm9oF", b"47NTm9oG").replace(b"=F7nv\n", b"")
    assert gpg.read_public_key(other)[0] != ANN
    for data in (SIGNATURE, KEY + KEY, KEY.replace(b"\nmDME", b"\nlDME").replace(b"=F7nv\n", b"")):
        with pytest.raises(MalformedError):
            gpg.read_public_key(data)


def test_the_status_lines_must_speak_of_one_signature_in_one_word() -> None:
    status = gpg.read_status(GOOD.encode())
    assert (status.verdict, status.signing, status.fingerprint) == ("GOODSIG", ANN, ANN)
    assert gpg.fault_of(status) is None
    for broken in (
        "", GOOD + GOOD, GOOD.replace("NEWSIG", "OLDSIG"), GOOD + "[GNUPG:] EXPSIG X\n",
        GOOD.replace("VALIDSIG", "INVALIDSIG"), GOOD.replace("[GNUPG:] GOODSIG", "gpg: GOODSIG"),
        GOOD.replace(f" 00 {ANN}", f" 01 {ANN}"), GOOD.replace(f" 00 {ANN}", " 00"),
        GOOD.replace(f"VALIDSIG {ANN}", "VALIDSIG 00"), GOOD.replace("GOODSIG", "BADSIG"),
    ):  # fmt: skip
        with pytest.raises(MalformedError):
            gpg.read_status(broken.encode())


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("BADSIG CDA3F324ED1DA736 A", "gpg/invalid"),
        ("ERRSIG CDA3F324ED1DA736 22 8 00 1767268800 9 -", "gpg/unknown-key"),
        ("ERRSIG CDA3F324ED1DA736 22 8 00 1767268800 4 -", "gpg/invalid"),
        ("ERRSIG", "gpg/invalid"),
    ],
)
def test_what_does_not_fit_has_no_fingerprint(line: str, rule: str) -> None:
    status = gpg.read_status(f"[GNUPG:] NEWSIG\n[GNUPG:] {line}\n".encode())
    fault = gpg.fault_of(status)
    assert fault is not None
    assert (fault.rule, status.fingerprint) == (rule, "")


@pytest.mark.parametrize("word", ["EXPSIG", "EXPKEYSIG"])
def test_what_has_expired_is_expired_with_a_valid_signature_too(word: str) -> None:
    fault = gpg.fault_of(gpg.read_status(GOOD.replace("GOODSIG", word).encode()))
    assert fault is not None
    assert fault.rule == "gpg/expired"


def test_a_listing_gives_each_part_its_own_times_and_revocations() -> None:
    made, end = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 31, 12, tzinfo=UTC)
    revoked = GpgRevocation(datetime(2026, 1, 10, 12, tzinfo=UTC), is_soft=True)
    primary = GpgPart("0B8748482ACDEA9EF2C350AB50B6FA7D675ADF9B", made, None, can_sign=False)
    subkey = GpgPart("7C365339DF1FF0CA058A49322FE28479ACD6C35D", made, end, True, (revoked,))
    ann = GpgPart(ANN, made, end, can_sign=True)
    assert read_keys(LISTING.encode()) == (GpgKeyFacts(primary, (subkey,)), GpgKeyFacts(ann))


@pytest.mark.parametrize(
    "changed", [("rev:!", "rev:?"), (",01", ",02"), (",01", ""), ("28x,01", "28x")]
)
def test_a_revocation_that_is_not_surely_soft_is_hard(changed: tuple[str, str]) -> None:
    first = read_keys(LISTING.replace(*changed).encode())[0]
    assert not first.subkeys[0].revocations[0].is_soft
    assert first.subkeys[0].revocations[0].holds(datetime(2000, 1, 1, tzinfo=UTC))


def test_a_key_without_fingerprint_or_time_is_refused() -> None:
    for broken in (LISTING.replace("fpr:", "fp2:"), LISTING.replace(":1767268800:", ":x:")):
        with pytest.raises(MalformedError):
            read_keys(broken.encode())


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_escape(data: bytes) -> None:
    for read in (gpg.read_signature, gpg.read_public_key, gpg.read_status, read_keys):
        for given_ in (data, armoured(data)):
            with contextlib.suppress(MalformedError):
                read(given_)
