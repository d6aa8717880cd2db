"""Keyless signing: an identity, certified for minutes, signs once and is logged in public.

sigstore-python speaks to the servers; here every step is bounded and what they gave is verified
before it is kept. Refuses a token that would travel in clear text. Never shows a token.
"""

from __future__ import annotations

import json
import logging
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from lanectl.adapters.oidc import find_identity
from lanectl.errors import (
    LaneError,
    RefusedError,
    Remedy,
    UnavailableError,
    UnreadableError,
)
from lanectl.formats import envelope, keyless
from lanectl.model.address import Address
from lanectl.model.bundle import SIGNATURE_SUFFIX
from lanectl.model.display import display
from lanectl.model.report import MalformedError
from lanectl.model.signer import Method
from lanectl.ports.signing import Seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests
    from sigstore.models import Bundle
    from sigstore.oidc import IdentityToken
    from sigstore.sign import Signer, SigningContext

Result = TypeVar("Result")

_SECONDS: Final = 30.0
_STORE: Final = quote("https://tuf-repo-cdn.sigstore.dev", safe="")
_CONFIG_TYPE: Final = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_AUTHORITY: Final = "certificate authority"
_STAMPS: Final = "timestamp authority"
_LOG: Final = "transparency log"


def public_good_root() -> bytes:
    """Return the trusted root of the public Sigstore instance, as sigstore-python ships it.

    It is as new as the installed library; nothing is looked up.
    """
    return _embedded("trusted_root.json")


def public_good_config() -> bytes:
    """Return the public instance's configuration for clients: its root and its servers."""
    return json.dumps(
        {
            "mediaType": _CONFIG_TYPE,
            "trustedRoot": json.loads(public_good_root()),
            "signingConfig": json.loads(_embedded("signing_config.v0.2.json")),
        }
    ).encode()


def _embedded(name: str) -> bytes:
    return resources.files("sigstore._store").joinpath(_STORE, name).read_bytes()


class KeylessSigner:
    """Implements `ports.signing.StatementSigner` with an identity.

    `token` is an OIDC token for the audience sigstore; without one the CI job's own identity is
    asked for. `config` is a Sigstore client trust configuration (JSON), else the public instance.
    Identity, certificate, and log entry with timestamp may take `seconds` each.
    """

    method = Method.KEYLESS

    def __init__(
        self,
        *,
        token: str | None = None,
        config: bytes | None = None,
        suffix: str = SIGNATURE_SUFFIX,
        seconds: float = _SECONDS,
    ) -> None:
        self._token = token
        self._config = config
        self._suffix = suffix
        self._seconds = seconds

    def seal(self, payload: bytes) -> Seal:
        """Return a Sigstore bundle over exactly these bytes, which verifies under the config's root.

        Raises UnavailableError for a server that does not answer in time or not well, RefusedError
        for a refused token, UsageError where there is no identity, UnreadableError for the config.
        """
        config = self._config if self._config is not None else public_good_config()
        context, root = _read_config(config)
        token = find_identity(self._token, self._seconds)
        servers = _Servers(context, self._seconds)
        signer = servers.certify(token)
        data = servers.sign(signer, payload).to_json().encode() + b"\n"
        return Seal(Method.KEYLESS, {self._suffix: data}, _verified(data, root))


def _read_config(config: bytes) -> tuple[SigningContext, bytes]:
    """Return the library's context and the trusted root's bytes."""
    from sigstore.errors import Error
    from sigstore.models import ClientTrustConfig
    from sigstore.sign import SigningContext

    try:
        context = SigningContext.from_trust_config(ClientTrustConfig.from_json(config.decode()))
        root = json.dumps(json.loads(config)["trustedRoot"]).encode()
        address = Address.parse(context._fulcio.url)  # noqa: SLF001 - no public way
    except (ValueError, Error) as error:
        raise UnreadableError(
            "the Sigstore configuration cannot be used",
            why=display(str(error), limit=400),
            remedies=(Remedy("Give a client trust configuration with a root and its servers."),),
        ) from error
    if not address.may_carry_token:
        raise RefusedError(
            f"{display(address.url)} would get the identity token in clear text",
            remedies=(Remedy("Write the certificate authority's address with https."),),
        )
    return context, root


class _Servers:
    """The servers of one configuration, through bounded sessions."""

    def __init__(self, context: SigningContext, seconds: float) -> None:
        self._context = context
        self._seconds = seconds
        self._trail: list[str] = []

    def certify(self, token: IdentityToken) -> Signer:
        """Return a signer with a new key and its certificate."""
        from sigstore.sign import Signer

        return self._step(lambda: Signer(token, self._context))

    def sign(self, signer: Signer, payload: bytes) -> Bundle:
        """Return the bundle: signed, stamped and logged."""
        from sigstore.dsse import Statement

        from lanectl.adapters.bounded import unavailable

        complaints = _Complaints()
        logger = logging.getLogger("sigstore.sign")
        logger.addHandler(complaints)
        try:
            bundle = self._step(lambda: signer.sign_dsse(Statement(payload)))
        except UnavailableError:
            if complaints.heard:  # without a timestamp the bundle may not even be made
                raise unavailable(_STAMPS, complaints.heard[0]) from None
            raise
        finally:
            logger.removeHandler(complaints)
        if complaints.heard:
            raise unavailable(_STAMPS, complaints.heard[0])
        return bundle

    def _step(self, call: Callable[[], Result]) -> Result:
        """Run one step of the library's in time; whatever else it raises is a server's doing."""
        from lanectl.adapters.bounded import unavailable, within

        def bound() -> Result:
            self._bind()
            return call()

        try:
            return within(self._seconds, bound, self._last)
        except LaneError:
            raise
        except Exception as error:
            why = f"its answer cannot be used: {str(error) or type(error).__name__}"
            raise unavailable(self._last(), why) from error

    def _last(self) -> str:
        return self._trail[-1] if self._trail else _AUTHORITY

    def _bind(self) -> None:
        """Bound every session. The library makes one a thread, so this runs in the step's own."""
        from lanectl.adapters.bounded import Transport

        for server, session, url in sessions(self._context):
            Transport(f"{server} at {display(url, limit=200)}", self._seconds, self._trail).mount(
                session, url
            )


def sessions(context: SigningContext) -> Iterator[tuple[str, requests.Session, str]]:
    """Yield every session that the library signs through: whose, itself, the server's URL.

    The only place that reaches into the library; a test holds it against the installed version.
    """
    yield _AUTHORITY, context._fulcio.session, context._fulcio.url  # noqa: SLF001
    rekor: Any = context._rekor  # noqa: SLF001
    yield _LOG, rekor._session, rekor.url  # noqa: SLF001
    for stamps in context._tsa_clients:  # noqa: SLF001
        yield _STAMPS, stamps._session, stamps.url  # noqa: SLF001


class _Complaints(logging.Handler):
    """What the library only warns of: a timestamp authority whose answer it could not read."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message from the terminal."""
        self.heard.append(record.getMessage())


def _verified(data: bytes, root: bytes) -> str:
    """Return the identity that signed, as the configuration's own root proves it."""
    try:
        facts = keyless.examine(envelope.read_any(data), root)
        fault = facts.fault
    except MalformedError as error:
        fault = error.fault
    if fault is not None:
        from lanectl.adapters.bounded import LATER

        raise UnavailableError(
            "what the Sigstore servers gave does not verify under their own root",
            why=f"{fault.rule}: {display(fault.got, limit=400)}",
            remedies=LATER,
        )
    return facts.identity
