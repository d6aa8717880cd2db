"""JSON over HTTP to one host, with a token: bounded, no redirects, retries only where they are safe."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from lanectl.errors import LaneError, RefusedError, Remedy, UnavailableError
from lanectl.model.address import Address, is_loopback
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

_CONNECT: Final = 10.0
_READ: Final = 30.0
_TRIES: Final = 4
_PATIENCE: Final = 60.0
"""Seconds that waiting for a rate limit may take in all; beyond, the user is told when."""
_LIMIT: Final = 8 << 20
"""Bytes of an answer."""


class Status(RefusedError):  # noqa: N818 - an answer with a status that is no success
    """The forge answered with a status that is no success."""

    def __init__(self, status: int, what: str, why: str, remedies: tuple[Remedy, ...] = ()) -> None:
        super().__init__(what, why=why, remedies=remedies)
        self.status = status


class JsonClient:
    """Talks to one API root. `close` ends its connections."""

    def __init__(self, root: str, token: str | None) -> None:
        import httpx

        address = Address.parse(root)
        if token is not None and not address.may_carry_token:
            raise RefusedError(
                f"{display(root)} would get the token in clear text",
                remedies=(Remedy("Write the API's address with https in the operator file."),),
            )
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self.host = address.host
        self._has_token = token is not None
        self._client = httpx.Client(
            base_url=root, headers={**headers, "User-Agent": "lanectl"}, follow_redirects=False,
            timeout=httpx.Timeout(_READ, connect=_CONNECT), trust_env=not is_loopback(address.host),
        )  # fmt: skip

    def close(self) -> None:
        """End all connections."""
        self._client.close()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Return the JSON of a GET, tried again where the server is the trouble."""
        return self._send("GET", path, query=query, again=True)

    def post(
        self, path: str, body: Mapping[str, Any], *, again: bool = False, fine: tuple[int, ...] = ()
    ) -> Any:
        """Return the JSON of a POST. `again`: it is idempotent; `fine`: statuses that are no error."""
        return self._send("POST", path, body=body, again=again, fine=fine)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON of a PATCH."""
        return self._send("PATCH", path, body=body, again=True)

    def _send(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None, again: bool, fine: tuple[int, ...] = (),
    ) -> Any:  # fmt: skip
        """Send one request, up to a few times. Raises Status or UnavailableError."""
        import httpx

        waited = 0.0
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                status, headers, data = self._once(method, path, query, body)
            except httpx.HTTPError as error:
                sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if last or (sent and not again):
                    raise self._unavailable(_reason(error)) from error
                pause = 0.5 * 2**attempt
            else:
                if 200 <= status < 300 or status in fine:
                    return _parsed(data, self.host)
                pause = _asked_to_wait(status, headers)
                if pause is None:
                    if status < 500:
                        raise self._refused(status, method, path, data)
                    if last or not again:
                        raise self._unavailable(f"it answered {status}")
                    pause = 0.5 * 2**attempt
                elif last or waited + pause > _PATIENCE:
                    raise self._unavailable(f"its rate limit is used up for {pause:.0f} s")
            waited += pause
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
    ) -> tuple[int, httpx.Headers, bytes]:
        with self._client.stream(method, path, params=query, json=body) as response:
            data = b""
            for piece in response.iter_bytes():
                data += piece
                if len(data) > _LIMIT:
                    raise RefusedError(f"{display(self.host)} answered more than {_LIMIT} bytes")
            return response.status_code, response.headers, data

    def _refused(self, status: int, method: str, path: str, data: bytes) -> LaneError:
        said = _message(data)
        if 300 <= status < 400:
            return Status(status, f"{display(self.host)} wants to redirect {method} {display(path)}",
                          "lanectl follows no redirect with a token",
                          (Remedy("Write the API's present address in the operator file."),))  # fmt: skip
        meaning, remedy = _MEANINGS.get(status, ("refuses", ""))
        if status == 401 and not self._has_token:
            meaning = "wants a token for"
        remedies = (Remedy(remedy),) if remedy else ()
        return Status(
            status,
            f"{display(self.host)} {meaning} {method} {display(path)}",
            f"{status}: {said}",
            remedies,
        )

    def _unavailable(self, why: str) -> UnavailableError:
        return UnavailableError(
            f"{display(self.host)} is not available", why=why,
            remedies=(Remedy("Run the command again later; it goes on where it stopped."),),
        )  # fmt: skip


_SCOPES: Final = (
    "Give the token these permissions on the repository: contents, pull requests, issues and "
    "commit statuses: write."
)
_MEANINGS: Final = {
    401: ("does not accept the token for", "Set LANECTL_FORGE_TOKEN or GH_TOKEN to a valid token."),
    403: ("does not let this token do", _SCOPES),
    404: ("does not know, or does not show this token,", _SCOPES),
    409: ("reports a conflict for", "Run the command again: it looks first what is there."),
    422: ("does not take", ""),
}


def _asked_to_wait(status: int, headers: httpx.Headers) -> float | None:
    """Return the seconds a server asks to wait, or None: it does not speak of a rate limit."""
    if status not in {403, 429, 503}:
        return None
    after = headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(1.0, int(reset) - time.time())
    return 60.0 if status == 429 else None


def _reason(error: httpx.HTTPError) -> str:
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return "it did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "it cannot be reached"
    return "the connection was cut"


def _parsed(data: bytes, host: str) -> Any:
    try:
        return json.loads(data) if data else None
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{display(host)} answered something that is not JSON") from error


def _message(data: bytes) -> str:
    """Return a forge's own reason, made fit to print."""
    try:
        answer = json.loads(data)
        errors = [
            str(e.get("message") or e.get("code") or "") if isinstance(e, dict) else str(e)
            for e in answer.get("errors") or ()
        ]
        return display("; ".join([str(answer.get("message") or ""), *filter(None, errors)]))[:500]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return "no reason given"
