"""GPG signatures, judged by the real gpg and by our own rules: what it exits with is never asked.

The keys were made on 1 January 2026 at noon; days count from then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lanectl.adapters.gpg import GpgVerifier
from lanectl.checks import gpg as check_
from lanectl.model.bundle import Envelope
from lanectl.model.gpg import GpgEnding, expiring
from lanectl.model.signature import GpgFacts, SignatureFacts
from lanectl.model.signer import Method, Signer
from lanectl.model.trust import Role
from lanectl.model.trust_policy import GpgKey, Span, TrustPolicy
from tests.gpg_rig import GPG, MADE, STATEMENT, GpgRig, day, full_rig, gpg_home

pytestmark = pytest.mark.skipif(not os.access(GPG, os.X_OK), reason="there is no gpg")
PINNED = ("ann", "ben", "long", "endless", "rotated")


@pytest.fixture(scope="module")
def rig() -> Iterator[GpgRig]:
    with gpg_home() as home:
        yield full_rig(home)


class Judge:
    """Judges signatures as `verify` does, under keys and a policy that pins `names`."""

    def __init__(self, rig: GpgRig, folder: Path, names: tuple[str, ...] = PINNED) -> None:
        self.rig = rig
        self.folder = folder
        self.keys: dict[str, bytes] = {rig.prints[n]: rig.public(n) for n in names}
        self.policy = TrustPolicy(gpg=tuple(self.entry(n) for n in names))

    def entry(self, name: str, span: Span = Span()) -> GpgKey:  # noqa: B008 - frozen
        return GpgKey(Role.BUILDER, name, f"{name}@example.org", self.rig.prints[name], span)

    def facts(self, signature: bytes, at: datetime, statement: bytes = STATEMENT) -> GpgFacts:
        facts = GpgVerifier(str(self.folder)).examine(statement, signature, self.keys, at)
        assert list(self.folder.glob("gpg-*")) == []
        return facts

    def rules(
        self, signature: bytes, at: datetime, statement: bytes = STATEMENT
    ) -> tuple[str, ...]:
        gpg = self.facts(signature, at, statement)
        whole = SignatureFacts(Method.GPG, Envelope("", statement, b"", ""), gpg=gpg)
        faults = [fault.rule for fault in check_.check(whole, self.policy, at)]
        assert set(faults) <= {rule.id for rule in check_.RULES}
        return tuple(faults)


@pytest.fixture
def judge(rig: GpgRig, tmp_path: Path) -> Judge:
    return Judge(rig, tmp_path)


def test_a_good_signature_by_a_key_of_exactly_thirty_days(judge: Judge, rig: GpgRig) -> None:
    signature = rig.sign("ann", at=day(1))
    assert judge.rules(signature, day(2)) == ()
    facts = judge.facts(signature, day(2))
    ann = rig.prints["ann"]
    assert facts == GpgFacts(None, ann, ann, MADE, day(30), day(1))
    assert check_.find_signer(facts, judge.policy) == Signer(
        Method.GPG, f"gpg:{ann}", Role.BUILDER, "ann", "ann@example.org"
    )


def test_a_changed_statement_and_a_changed_signature(judge: Judge, rig: GpgRig) -> None:
    signature = rig.sign("ann", at=day(1))
    assert judge.rules(signature, day(2), STATEMENT + b" ") == ("gpg/invalid",)
    assert judge.rules(signature, day(2), b"") == ("gpg/invalid",)
    raw = rig.run("--dearmor", data=signature)
    broken = raw[:-1] + bytes([raw[-1] ^ 1])
    armoured = rig.run("--enarmor", data=broken).replace(b"ARMORED FILE", b"SIGNATURE")
    assert judge.rules(armoured, day(2)) == ("gpg/invalid",)
    assert judge.rules(signature.replace(b"=", b"=A", 1), day(2)) == ("gpg/malformed",)


def test_an_expired_key_is_refused_though_gpg_exits_with_0(judge: Judge, rig: GpgRig) -> None:
    """Signed in time. Under an admission the time is that of the admission, and it stays good."""
    signature = rig.sign("ann", at=day(1))
    assert judge.rules(signature, day(29.9)) == ()
    assert judge.rules(signature, day(30)) == ("gpg/expired",)
    assert judge.rules(signature, day(400)) == ("gpg/expired",)
    assert judge.rules(signature, day(2)) == ()


def test_a_signature_that_ends_before_its_key(judge: Judge, rig: GpgRig) -> None:
    how = ("--default-sig-expire", "5d", "--armor", "--detach-sign")
    signature = rig.sign("ann", at=day(1), how=how)
    assert judge.rules(signature, day(5)) == ()
    assert judge.rules(signature, day(7)) == ("gpg/expired",)


@pytest.mark.thorough
@pytest.mark.parametrize("reason", [0, 1])
def test_a_revoked_key_is_refused_for_all_time(judge: Judge, rig: GpgRig, reason: int) -> None:
    """Nobody knows since when it was in other hands."""
    signature = rig.sign("ann", at=day(1))
    judge.keys[rig.prints["ann"]] = rig.revoked("ann", reason, day(10))
    for at in (day(2), day(11), day(400)):
        assert judge.rules(signature, at) == ("gpg/revoked",)


@pytest.mark.thorough
@pytest.mark.parametrize("reason", [2, 3])
def test_a_superseded_key_is_refused_from_then_on(judge: Judge, rig: GpgRig, reason: int) -> None:
    signature = rig.sign("ann", at=day(1))
    judge.keys[rig.prints["ann"]] = rig.revoked("ann", reason, day(10))
    assert judge.rules(signature, day(9.9)) == ()
    assert judge.rules(signature, day(10)) == ("gpg/revoked",)
    assert judge.rules(signature, day(400)) == ("gpg/revoked",)
    assert judge.rules(signature, day(2), b"other") == ("gpg/invalid",)


def test_a_key_that_is_not_pinned_is_unknown(rig: GpgRig, tmp_path: Path) -> None:
    signature = rig.sign("ben", at=day(1))
    only_ann = Judge(rig, tmp_path, ("ann",))
    assert only_ann.rules(signature, day(2)) == ("gpg/unknown-key",)
    only_ann.keys[rig.prints["ben"]] = rig.public("ben")  # a file alone pins nothing
    assert only_ann.rules(signature, day(2)) == ("gpg/unknown-key",)
    assert check_.find_signer(only_ann.facts(signature, day(2)), only_ann.policy) is None
    assert Judge(rig, tmp_path, ()).rules(signature, day(2)) == ("gpg/unknown-key",)


def test_a_signature_that_brings_its_own_key_or_demands_is_not_believed(
    judge: Judge, rig: GpgRig, tmp_path: Path
) -> None:
    """`--include-key-block` puts the public key into the signature: nobody imports it."""
    own_key = ("--include-key-block", "--armor", "--detach-sign")
    signature = rig.sign("ben", at=day(1), how=own_key)
    assert len(signature) > len(rig.sign("ben", at=day(1))) * 2
    assert judge.rules(signature, day(2)) == ()
    assert Judge(rig, tmp_path, ("ann",)).rules(signature, day(2)) == ("gpg/unknown-key",)
    critical = ("--sig-notation", "!who@example.org=me", "--armor", "--detach-sign")
    assert judge.rules(rig.sign("ann", at=day(1), how=critical), day(2)) == ("gpg/invalid",)


def test_another_pinned_keys_signature_is_that_keys(judge: Judge, rig: GpgRig) -> None:
    facts = judge.facts(rig.sign("ben", at=day(1)), day(2))
    signer = check_.find_signer(facts, judge.policy)
    assert signer is not None
    assert signer.name == "ben"


def test_a_file_that_holds_another_key_than_its_name_is_not_believed(
    judge: Judge, rig: GpgRig
) -> None:
    signature = rig.sign("ben", at=day(1))
    judge.keys = {rig.prints["ann"]: rig.public("ben")}
    assert judge.rules(signature, day(2)) == ("gpg/unknown-key",)
    both = rig.run("--armor", "--export", rig.prints["ann"], rig.prints["ben"])
    judge.keys = {rig.prints["ann"]: both}
    assert judge.rules(signature, day(2)) == ("gpg/unknown-key",)
    assert judge.rules(rig.sign("ann", at=day(1)), day(2)) == ("gpg/unknown-key",)


def test_a_key_file_that_is_huge_binary_or_private_is_not_read(judge: Judge, rig: GpgRig) -> None:
    signature, ann = rig.sign("ann", at=day(1)), rig.prints["ann"]
    secret = rig.run("--passphrase-fd", "0", "--armor", "--export-secret-keys", ann)
    assert b"PRIVATE KEY" in secret
    for data in (
        rig.public("ann") + b"\n" * (1 << 16), rig.run("--export", ann), secret, b"", b"\xff" * 99,
        secret.replace(b"PRIVATE", b"PUBLIC"),
    ):  # fmt: skip
        judge.keys = {ann: data}
        assert judge.rules(signature, day(2)) == ("gpg/unknown-key",)


def test_a_signing_subkey_of_a_pinned_primary(judge: Judge, rig: GpgRig) -> None:
    """The old one has long expired when the new one signs; gpg says KEYEXPIRED, and it is good."""
    first = rig.sign(f"{rig.prints['first']}!", at=day(1))
    second = rig.sign("rotated", at=day(40))
    facts = judge.facts(second, day(41))
    assert (facts.fingerprint, facts.signing) == (rig.prints["rotated"], rig.prints["second"])
    assert (facts.created, facts.expires) == (day(25), day(55))
    assert judge.rules(first, day(2)) == ()
    assert judge.rules(second, day(41)) == ()
    assert judge.rules(first, day(31)) == ("gpg/expired",)
    assert judge.rules(second, day(56)) == ("gpg/expired",)
    judge.policy = TrustPolicy(gpg=(judge.entry("first"), judge.entry("second")))
    assert judge.rules(second, day(41)) == ("gpg/unknown-key",), "the primary is what is pinned"


def test_a_subkey_ends_with_its_primary_key(rig: GpgRig, tmp_path: Path) -> None:
    with gpg_home() as other:
        other.make("short", "20d", "cert")
        other.subkey("short", "30d", day(0))
        signature = other.sign("short", at=day(1))
        judge = Judge(other, tmp_path, ("short",))
        assert judge.rules(signature, day(19)) == ()
        assert judge.rules(signature, day(21)) == ("gpg/expired",)
        judge.keys = {other.prints["short"]: other.revoked("short", 3, day(25))}
        assert judge.rules(signature, day(21)) == ("gpg/expired",), "REVKEYSIG must not hide it"


def test_a_key_that_lives_too_long_or_for_ever(judge: Judge, rig: GpgRig) -> None:
    assert judge.rules(rig.sign("long", at=day(1)), day(2)) == ("gpg/rotation",)
    assert judge.rules(rig.sign("endless", at=day(1)), day(2)) == ("gpg/no-expiry",)


def test_a_key_that_vouches_for_itself_with_sha_1_is_no_key(tmp_path: Path) -> None:
    with gpg_home() as other:
        weak = ("--cert-digest-algo", "SHA1", "--passphrase-fd", "0", "--quick-generate-key")
        other.run(*weak, "old", "ed25519", "sign,cert", "30d")
        other.prints["old"] = other.parts("old")[0]
        signature = other.sign("old", at=day(1))
        judge = Judge(other, tmp_path, ("old",))
        assert judge.rules(signature, day(2)) == ("gpg/unknown-key",)


def test_a_key_that_was_made_to_live_longer(judge: Judge, rig: GpgRig) -> None:
    """The signature is as good as ever; the key that is pinned now is not."""
    signature = rig.sign("ann", at=day(1))
    with gpg_home() as other:
        other.run("--import", data=rig.run("--passphrase-fd", "0", "--armor", "--export-secret-keys", rig.prints["ann"]))  # fmt: skip
        other.run("--quick-set-expire", rig.prints["ann"], "30d", at=day(20))
        judge.keys[rig.prints["ann"]] = other.public(rig.prints["ann"])
    assert judge.rules(signature, day(2)) == ("gpg/rotation",)
    assert judge.rules(signature, day(21)) == ("gpg/rotation",)


def test_what_is_not_one_detached_signature_over_bytes_is_malformed(
    judge: Judge, rig: GpgRig
) -> None:
    text = ("--textmode", "--armor", "--detach-sign")
    one = rig.sign("ann", at=day(1))
    for data in (
        rig.sign("ann", "ben", at=day(1)),
        one + rig.sign("ben", at=day(1)),
        rig.sign("ann", at=day(1), how=("--clear-sign",)),
        rig.sign("ann", at=day(1), how=("--armor", "--sign")),
        rig.sign("ann", at=day(1), how=("--detach-sign",)),
        rig.sign("ann", at=day(1), how=text),
        rig.sign("ann", at=day(1), how=("--digest-algo", "SHA1", "--armor", "--detach-sign")),
        rig.public("ann"), b"", one + b" " * (1 << 16), b"junk\n" + one, one + b"junk",
    ):  # fmt: skip
        assert judge.rules(data, day(2)) == ("gpg/malformed",), data[:99]
    assert judge.rules(one.replace(b"\n", b"\r\n"), day(2)) == ()


def test_a_signature_of_the_future_or_older_than_its_key(judge: Judge, rig: GpgRig) -> None:
    signature = rig.sign("ann", at=day(10))
    assert judge.rules(signature, day(10) - timedelta(minutes=5)) == ()
    assert judge.rules(signature, day(10) - timedelta(minutes=6)) == ("gpg/time",)
    assert judge.rules(signature, day(-1)) == ("gpg/time",), "before the key was made, too"
    first = rig.sign("ann", at=MADE)
    assert judge.rules(first, MADE - timedelta(minutes=4)) == (), "a clock that is a little slow"
    facts = GpgFacts(None, rig.prints["ann"], rig.prints["ann"], day(5), day(30), day(4))
    whole = SignatureFacts(Method.GPG, Envelope("", b"", b"", ""), gpg=facts)
    assert [f.rule for f in check_.check(whole, judge.policy, day(6))] == ["gpg/time"]


def test_the_policys_own_time_of_a_key(judge: Judge, rig: GpgRig) -> None:
    signature = rig.sign("ann", at=day(1))
    judge.policy = TrustPolicy(gpg=(judge.entry("ann", Span(day(2), day(4))),))
    assert judge.rules(signature, day(3)) == ()
    assert judge.rules(signature, day(1.5)) == ("gpg/span",)
    assert judge.rules(signature, day(4)) == ("gpg/span",)


def test_nothing_of_the_users_is_touched_and_no_agent_stays(
    judge: Judge, rig: GpgRig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = tmp_path / "own"
    empty.mkdir()
    monkeypatch.setenv("GNUPGHOME", str(empty))
    assert judge.rules(rig.sign("ann", at=day(1)), day(2)) == ()
    assert list(empty.iterdir()) == []
    ours = [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in read(p)]
    assert ours == []


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_what_ends_soon_is_told(judge: Judge, rig: GpgRig, tmp_path: Path) -> None:
    verifier = GpgVerifier(str(tmp_path))

    def ending(at: datetime, keys: Mapping[str, bytes] = judge.keys) -> dict[str, datetime | None]:
        found: tuple[GpgEnding, ...] = expiring(verifier.list(keys, at), at)
        names = {value: name for name, value in rig.prints.items()}
        return {names[e.fingerprint]: e.at for e in found}

    assert ending(day(2)) == {}
    assert ending(day(16)) == {"ann": day(30), "ben": day(30)}
    assert ending(day(35)) == {"ann": day(30), "ben": day(30), "long": day(31)}, (
        "not the old subkey"
    )
    assert ending(day(45))["rotated"] == day(55)
    revoked = {rig.prints["ann"]: rig.revoked("ann", 1, day(3))}
    assert ending(day(4), revoked) == {"ann": None}
    assert verifier.list({rig.prints["ann"]: rig.public("ben")}, day(1)) == ()
