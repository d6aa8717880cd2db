"""Keyless signing against a Sigstore of this machine, and what it says when a server fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from lanectl.adapters.sigstore import (
    KeylessSigner,
    public_good_config,
    public_good_root,
    sessions,
)
from lanectl.errors import (
    ExitCode,
    LaneError,
    RefusedError,
    UnavailableError,
    UnreadableError,
    UsageError,
)
from lanectl.formats import envelope, keyless
from lanectl.model.signature import KeylessFacts
from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.bundle import Plan
from tests.sigstore.material import ME, Sigstore
from tests.sigstore.simulator import WORKFLOW, Simulator, Trouble

PAYLOAD = envelope.read(bundle.make(Plan()).signature or b"").payload
SUFFIX = ".sigstore.json"
REQUEST = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"


def signer(simulator: Simulator, token: str | None = None, **options: float) -> KeylessSigner:
    given = token if token is not None else simulator.token()
    return KeylessSigner(token=given, config=simulator.config, **{"seconds": 10.0, **options})


def proved(simulator: Simulator, data: bytes) -> KeylessFacts:
    return keyless.examine(envelope.read_any(data), simulator.trusted_root)


def test_an_identity_signs_exactly_these_bytes(simulator: Simulator) -> None:
    seal = signer(simulator).seal(PAYLOAD)
    data = seal.files[SUFFIX]
    assert (seal.method, seal.shown) == ("keyless", ME)
    assert envelope.read_any(data).payload == PAYLOAD
    facts = proved(simulator, data)
    assert (facts.fault, facts.identity, facts.issuer) == (None, ME, simulator.issuer)
    assert simulator.asked == ["authority", "stamps", "log"]


def test_a_log_of_the_second_version_does_as_well(simulator: Simulator) -> None:
    second = Simulator(version=2)
    try:
        data = signer(second).seal(PAYLOAD).files[SUFFIX]
        assert proved(second, data).identity == ME
        assert proved(simulator, data).fault is not None
    finally:
        second.close()


def test_a_job_of_github_signs_as_its_workflow(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in simulator.github_job().items():
        monkeypatch.setenv(name, value)
    by = KeylessSigner(config=simulator.config, suffix=".countersignature.sigstore.json")
    seal = by.seal(PAYLOAD)
    assert (list(seal.files), seal.shown) == ([".countersignature.sigstore.json"], WORKFLOW)
    (data,) = seal.files.values()
    claims = proved(simulator, data).claims
    assert claims["source_repository_ref"] == "refs/heads/main"
    assert claims["runner_environment"] == "github-hosted"


def test_a_job_of_gitlab_signs_with_the_token_that_it_was_given(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", simulator.token("project_path:acme/shop"))
    seal = KeylessSigner(config=simulator.config).seal(PAYLOAD)
    assert seal.shown == "project_path:acme/shop"


def test_nothing_is_written_to_the_home(simulator: Simulator) -> None:
    before = sorted(Path.home().rglob("*"))
    signer(simulator).seal(PAYLOAD)
    public_good_config()
    assert sorted(Path.home().rglob("*")) == before


def test_a_netrc_does_not_replace_the_token(simulator: Simulator) -> None:
    (Path.home() / ".netrc").write_text("default login somebody password else\n")
    assert signer(simulator).seal(PAYLOAD).shown == ME


def refusal(simulator: Simulator, by: KeylessSigner, within: float = 5.0) -> LaneError:
    """Return the one error, which came in time and has nothing of a token or of a terminal in it."""
    began = time.monotonic()
    with pytest.raises(LaneError) as caught:
        by.seal(PAYLOAD)
    assert time.monotonic() - began < within
    error = caught.value
    text = f"{error.what} {error.why} {error.remedies}"
    assert "\x1b" not in text
    assert not by._token or by._token not in text
    return error


NAMES = {
    "authority": "certificate authority", "log": "transparency log", "stamps": "timestamp authority"
}  # fmt: skip


def fails(simulator: Simulator, server: str, trouble: Trouble | int, seconds: float) -> LaneError:
    simulator.fail(server, trouble)
    error = refusal(simulator, signer(simulator, seconds=seconds), within=seconds + 3)
    assert isinstance(error, UnavailableError)
    assert error.exit_code is ExitCode.UNAVAILABLE
    assert error.what.startswith(f"the {NAMES[server]}")
    assert [r.command[:3] for r in error.remedies] == [
        ("lanectl", "sign", "--with"), ("lanectl", "sign", "--countersign"),
    ]  # fmt: skip
    return error


@pytest.mark.parametrize("server", NAMES)
@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (503, "HTTP 503: out of order"),
        (429, "HTTP 429: out of order"),
        (Trouble.BROKEN, "answer cannot be used"),
        (Trouble.EMPTY, "answer cannot be used"),
        (Trouble.FLOODING, "more than 1 MiB"),
    ],
)
def test_a_server_that_fails_is_named_with_its_reason(
    simulator: Simulator, server: str, trouble: Trouble | int, reason: str
) -> None:
    error = fails(simulator, server, trouble, seconds=10)
    if server == "stamps" and isinstance(trouble, Trouble) and trouble is not Trouble.FLOODING:
        reason = "invalid response"  # the library's words
    assert reason in error.why
    if server == "stamps" and isinstance(trouble, int):
        assert "log" not in simulator.asked  # what cannot be proved is not logged in public


@pytest.mark.parametrize(
    ("server", "trouble"),
    [(server, Trouble.FROZEN) for server in NAMES] + [("log", Trouble.DRIPPING)],
)
def test_a_server_that_never_answers_is_named_in_time(
    simulator: Simulator, server: str, trouble: Trouble
) -> None:
    error = fails(simulator, server, trouble, seconds=0.8)
    assert error.why == "no answer within 0.8 seconds"


@pytest.mark.parametrize("server", NAMES)
def test_a_server_that_sends_elsewhere_is_refused(simulator: Simulator, server: str) -> None:
    simulator.fail(server, Trouble.ELSEWHERE)
    error = refusal(simulator, signer(simulator))
    assert isinstance(error, RefusedError)
    assert "HTTP 307" in error.why


def test_a_server_that_is_not_there_is_named(simulator: Simulator) -> None:
    by = signer(simulator)
    simulator.close()
    error = refusal(simulator, by)
    assert error.what.startswith("the certificate authority at http://127.0.0.1:")
    assert "Connection refused" in error.why


def with_job(patch: pytest.MonkeyPatch, simulator: Simulator, **changed: str) -> KeylessSigner:
    for name, value in {**simulator.github_job(), **changed}.items():
        patch.setenv(name, value)
    return KeylessSigner(config=simulator.config, seconds=0.4)


@pytest.mark.parametrize("trouble", [503, Trouble.FROZEN, Trouble.DRIPPING, Trouble.BROKEN])
def test_an_identity_provider_that_fails_is_named_in_time(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, trouble: Trouble | int
) -> None:
    simulator.fail("identity", trouble)
    error = refusal(simulator, with_job(monkeypatch, simulator), within=2.0)
    assert isinstance(error, UnavailableError)
    assert error.what == "the identity provider is unavailable"


def test_a_job_whose_own_token_is_bad_is_refused(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = with_job(monkeypatch, simulator, **{REQUEST: "another"})
    error = refusal(simulator, by)
    assert isinstance(error, RefusedError)
    assert "the job may not ask" in error.why


@pytest.mark.parametrize("environment", [{}, {"GITHUB_ACTIONS": "true"}, {"GITLAB_CI": "true"}])
def test_without_an_identity_it_is_said_what_to_do(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    error = refusal(simulator, KeylessSigner(config=simulator.config))
    assert isinstance(error, UsageError)
    said = " ".join(remedy.text for remedy in error.remedies)
    assert "id-token: write" in said
    assert "--identity-token" in error.remedies[-1].command
    assert simulator.asked == []


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (lambda s: s.token(audience="other"), "Audience"),
        (lambda s: s.token(exp=1), "expired"),
        (lambda _: "not.a.token", ""),
        (lambda _: "", ""),
        (lambda s: s.token(iss="https://other.example.test"), "HTTP 400"),
        (lambda s: s.token()[:-8] + "AAAAAAAA", "HTTP 400"),
    ],
    ids=["audience", "expired", "nonsense", "empty", "issuer", "signature"],
)
def test_a_bad_token_is_refused_with_the_reason(
    simulator: Simulator, token: Callable[[Simulator], str], reason: str
) -> None:
    error = refusal(simulator, signer(simulator, token(simulator)))
    assert isinstance(error, RefusedError)
    assert reason in error.why
    assert error.why


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("tlogs", "keyless/log: "),
        ("certificateAuthorities", "keyless/certificate: "),
        ("ctlogs", "its answer cannot be used: SCT verify failed"),
    ],
)
def test_servers_that_do_not_fit_their_own_root_give_no_signature(
    simulator: Simulator, part: str, reason: str
) -> None:
    """Else a bundle would be kept that nobody can verify."""
    config = json.loads(simulator.config)
    config["trustedRoot"][part] = json.loads(Sigstore().trusted_root)[part]
    by = KeylessSigner(token=simulator.token(), config=json.dumps(config).encode())
    error = refusal(simulator, by)
    assert isinstance(error, UnavailableError)
    assert error.why.startswith(reason)


@pytest.mark.parametrize("config", [b"", b"{}", b"\xff", b"[]"])
def test_a_configuration_that_cannot_be_used_is_refused(config: bytes) -> None:
    with pytest.raises(UnreadableError, match="configuration"):
        KeylessSigner(config=config).seal(PAYLOAD)


def test_no_token_travels_in_clear_text(simulator: Simulator) -> None:
    config = simulator.config.replace(b"http://127.0.0.1", b"http://192.0.2.1")
    with pytest.raises(RefusedError, match="clear text"):
        KeylessSigner(token=simulator.token(), config=config).seal(PAYLOAD)


def test_the_public_instance_comes_with_the_library() -> None:
    from sigstore.models import ClientTrustConfig

    config = ClientTrustConfig.from_json(public_good_config().decode())
    assert config.signing_config.get_fulcio().url == "https://fulcio.sigstore.dev"
    root = json.loads(public_good_root())
    assert root["tlogs"]
    assert root == json.loads(public_good_config())["trustedRoot"]


def test_the_library_still_signs_through_the_sessions_that_we_bound(simulator: Simulator) -> None:
    """Private attributes: if the library moves them, this fails before anything hangs."""
    from sigstore.models import ClientTrustConfig
    from sigstore.sign import SigningContext

    for config in (simulator.config.decode(), public_good_config().decode()):
        context = SigningContext.from_trust_config(ClientTrustConfig.from_json(config))
        bound = list(sessions(context))
        assert [name for name, _, _ in bound] == list(NAMES.values())
        assert all(isinstance(session, requests.Session) for _, session, _ in bound)
        assert [session for _, session, _ in bound] == [s for _, s, _ in sessions(context)]
