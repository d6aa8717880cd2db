"""The user's own gpg: signing, and making the next key. What it cannot do is said in one message."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from lanectl.adapters.gpg import GpgVerifier
from lanectl.adapters.gpg_home import GpgHome, GpgSigner
from lanectl.cli import keys_gpg
from lanectl.errors import LaneError, UnavailableError, UnreadableError, UsageError
from lanectl.flows.rotate_gpg import rotate_gpg
from lanectl.formats.gpg import read_public_key, read_signature
from lanectl.model.signer import Method
from tests.gpg_rig import GPG, STATEMENT, GpgRig, clock, day, gpg_home

pytestmark = pytest.mark.skipif(not os.access(GPG, os.X_OK), reason="there is no gpg")


@pytest.fixture(scope="module")
def rig() -> Iterator[GpgRig]:
    with gpg_home() as home:
        home.make("ann", "30d")
        home.make("primary", "365d", "cert")
        home.make("short", "20d", "cert")
        yield home


def home_at(rig: GpgRig, days: float) -> GpgHome:
    return GpgHome(rig.variables, clock=clock(day(days)))


def test_a_sealed_statement_verifies(rig: GpgRig, tmp_path: Path) -> None:
    ann = rig.prints["ann"]
    signer = GpgSigner(home_at(rig, 1), ann)
    assert signer.method is Method.GPG
    seal = signer.seal(STATEMENT)
    assert seal.files.keys() == {".intoto.json", ".intoto.json.asc"}
    assert seal.files[".intoto.json"] == STATEMENT
    assert (seal.method, seal.shown) == (Method.GPG, f"gpg:{ann}")
    asc = seal.files[".intoto.json.asc"]
    facts = GpgVerifier(str(tmp_path)).examine(STATEMENT, asc, {ann: rig.public("ann")}, day(2))
    assert (facts.fault, facts.fingerprint, facts.signed) == (None, ann, day(1))


def test_the_users_options_are_not_read(rig: GpgRig) -> None:
    options = Path(rig.home) / "gpg.conf"
    options.write_text("textmode\ndigest-algo SHA1\nno-such-option\n")
    try:
        read_signature(home_at(rig, 1).sign(rig.prints["ann"], STATEMENT))
    finally:
        options.unlink()


def refusal(home: GpgHome, fingerprint: str) -> LaneError:
    with pytest.raises(UnreadableError) as caught:
        GpgSigner(home, fingerprint).seal(STATEMENT)
    assert caught.value.remedies
    return caught.value


def test_a_key_that_cannot_sign_is_refused_with_gpgs_own_reason(rig: GpgRig) -> None:
    expired = refusal(home_at(rig, 40), rig.prints["ann"])
    assert "cannot sign: expired, revoked" in expired.what
    assert expired.why == "signing failed: Unusable secret key"
    assert "no secret key" in refusal(home_at(rig, 1), "0" * 40).what
    assert "GPG key" in refusal(home_at(rig, 1), rig.prints["primary"]).what, "it only certifies"


def test_without_a_terminal_a_passphrase_cannot_be_asked_for(
    rig: GpgRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gpg_home() as other:
        other.run("--passphrase-fd", "0", "--quick-generate-key", "locked", "ed25519", "sign", "30d", data=b"secret\n")  # fmt: skip
        locked = other.parts("locked")[0]
        other.run("--passphrase-fd", "0", "--local-user", locked, "--detach-sign", "-o", "-", data=b"secret\n")  # fmt: skip
        reload_agent(other.home, other.variables)
        error = refusal(home_at(other, 1), locked)
        assert "could not use" in error.what
        assert error.why.startswith("signing failed: ")
        assert error.remedies[0].command[:3] == ("gpg", "--local-user", locked)


def reload_agent(home: str | Path, variables: dict[str, str]) -> None:
    """End the agent of a home: it forgets every passphrase."""
    import subprocess

    subprocess.run(
        ["/usr/bin/gpgconf", "--homedir", home, "--kill", "gpg-agent"],
        env=variables, capture_output=True, check=True,
    )  # fmt: skip


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def test_a_gpg_that_hangs_or_floods_is_ended(tmp_path: Path) -> None:
    from lanectl.adapters.gpg_process import Gpg

    slow = script(tmp_path / "slow", "exec sleep 60")
    with pytest.raises(UnavailableError, match=r"longer than 0\.2 seconds"):
        Gpg(str(tmp_path), folder=str(tmp_path), program=slow, seconds=0.2).run("--version")
    flood = script(tmp_path / "flood", "exec head -c 9000000 /dev/zero")
    with pytest.raises(UnreadableError, match="too much"):
        Gpg(str(tmp_path), folder=str(tmp_path), program=flood).run("--version")
    bounded = Gpg(str(tmp_path), folder=str(tmp_path), program=flood, is_private=True)
    assert len(bounded.run("--version").data) <= 4 << 20


def test_an_exit_code_of_0_without_a_word_proves_nothing(rig: GpgRig, tmp_path: Path) -> None:
    signature = rig.sign("ann", at=day(1))
    silent = GpgVerifier(str(tmp_path), program=script(tmp_path / "silent", "exit 0"))
    facts = silent.examine(STATEMENT, signature, {rig.prints["ann"]: rig.public("ann")}, day(2))
    assert facts.fault is not None
    assert facts.fault.rule == "gpg/malformed"


def test_the_next_key_is_a_subkey_and_the_pinned_fingerprint_stays(
    rig: GpgRig, tmp_path: Path
) -> None:
    home, pinned = home_at(rig, 50), rig.prints["primary"]
    spaced = " ".join(pinned[n : n + 4].lower() for n in range(0, 40, 4))
    made = rotate_gpg(home, day(50), fingerprint=spaced, is_protected=False)
    assert (made.fingerprint, made.is_new, made.expires) == (pinned, False, day(80))
    assert read_public_key(made.public)[0] == pinned
    signature = home_at(rig, 51).sign(pinned, STATEMENT)
    facts = GpgVerifier(str(tmp_path)).examine(STATEMENT, signature, {pinned: made.public}, day(52))
    assert (facts.fault, facts.signing) == (None, made.signing)
    assert facts.created == day(50)


def test_a_new_key_certifies_and_its_subkey_signs_for_thirty_days(rig: GpgRig) -> None:
    made = rotate_gpg(home_at(rig, 0), day(0), user_id="cid <cid@example.org>", is_protected=False)
    assert made.is_new
    assert made.expires == day(30)
    key = next(k for k in home_at(rig, 0).secret_keys() if k.fingerprint == made.fingerprint)
    assert (key.primary.can_sign, key.primary.expires) == (False, day(365))
    assert [p.fingerprint for p in key.signing(day(0))] == [made.signing]


def test_what_cannot_be_rotated_is_refused(rig: GpgRig) -> None:
    home = home_at(rig, 1)
    with pytest.raises(UnreadableError, match="the primary key ends on 2026-01-21"):
        rotate_gpg(home, day(1), fingerprint=rig.prints["short"], is_protected=False)
    with pytest.raises(UnreadableError, match="no secret primary key"):
        rotate_gpg(home, day(1), fingerprint="0" * 40, is_protected=False)
    for both in ({}, {"fingerprint": "0" * 40, "user_id": "x"}):
        with pytest.raises(UsageError, match="either") as said:
            rotate_gpg(home, day(1), **both)  # type: ignore[arg-type]
        assert [r.command[4] for r in said.value.remedies] == ["FINGERPRINT", "--user-id"]
    with pytest.raises(UnreadableError, match="could not use the key eve") as made:
        rotate_gpg(home, day(1), user_id="eve <eve@example.org>")
    assert made.value.remedies[-1].command[4:] == (
        "--user-id", "eve <eve@example.org>", "--no-passphrase",
    )  # fmt: skip


def test_a_passphrase_that_cannot_be_asked_for_is_told_with_what_failed(rig: GpgRig) -> None:
    primary = rig.prints["primary"]
    with pytest.raises(UnreadableError, match="could not use the key") as caught:
        rotate_gpg(home_at(rig, 50), day(50), fingerprint=primary)
    assert "generation failed: " in caught.value.why
    assert caught.value.remedies[-1].command[4:] == (primary, "--no-passphrase")


def test_the_usual_home_is_made_for_a_new_key_and_another_one_is_not(tmp_path: Path) -> None:
    with gpg_home() as short:  # an agent's socket needs a short path
        own = Path(short.home) / "own"
        own.mkdir()
        usual = {**short.variables, "HOME": str(own)}
        del usual["GNUPGHOME"]
        ann = "ann <ann@example.org>"
        made = rotate_gpg(
            GpgHome(usual, clock=clock(day(0))), day(0), user_id=ann, is_protected=False
        )
        assert made.is_new
        assert stat.S_IMODE((own / ".gnupg").stat().st_mode) == 0o700
        reload_agent(own / ".gnupg", usual)
    missing = {"GNUPGHOME": str(tmp_path / "mistyped"), "HOME": str(tmp_path)}
    with pytest.raises(UnreadableError):
        rotate_gpg(GpgHome(missing), day(0), user_id=ann, is_protected=False)
    assert not (tmp_path / "mistyped").exists()


def test_a_primary_key_that_is_kept_elsewhere_makes_no_subkey(rig: GpgRig) -> None:
    """Only the secret subkeys are here: a stub of the primary key is no primary key."""
    with gpg_home() as whole, gpg_home() as laptop:
        whole.make("dan", "365d", "cert")
        whole.subkey("dan", "30d", day(0))
        laptop.run("--import", data=whole.run("--passphrase-fd", "0", "--export-secret-subkeys", whole.prints["dan"]))  # fmt: skip
        assert GpgHome(laptop.variables).secret_keys() == ()
        assert home_at(laptop, 1).sign(whole.prints["dan"], STATEMENT)


def test_rotating_on_the_command_line_says_where_the_key_belongs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with gpg_home() as own:
        monkeypatch.setenv("GNUPGHOME", own.home)
        assert keys_gpg.rotate_gpg(None, "fay <fay@example.org>", no_passphrase=True, as_json=False) == 0  # fmt: skip
        shown = capsys.readouterr()
        fingerprint, packets = read_public_key(shown.out.encode())
        assert packets
        assert f".lanectl/trust/gpg/{fingerprint}.asc" in shown.err
        assert "[[trust.builder.gpg]]" in shown.err
        assert keys_gpg.rotate_gpg(fingerprint, None, no_passphrase=True, as_json=True) == 0
        again = capsys.readouterr()
        assert f'"fingerprint": "{fingerprint}"' in again.out
        assert '"new": false' in again.out
        key = GpgHome(own.variables).secret_keys()[0]
        lives = [p.expires - p.created for p in key.subkeys if p.expires]
        assert len(lives) == 2
        assert max(lives) <= timedelta(days=30)
