"""The HTTP of a library that bounds nothing: every request ends in time, every answer is small.

What goes wrong becomes an error of ours that names the server and says the server's own reason.
Refuses to be sent elsewhere.
"""

from __future__ import annotations

import contextlib
import io
import json
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar

import requests
from requests.adapters import HTTPAdapter

from lanectl.errors import RefusedError, Remedy, UnavailableError
from lanectl.model.address import is_loopback
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

_LIMIT: Final = 1 << 20
"""Bytes of an answer."""

STEP: Final = "bounded step"
"""What the thread of a step is called."""

LATER: Final = (
    Remedy("Nothing is lost: sign with a key now.", ("lanectl", "sign", "--with", "key", "BUNDLE")),
    Remedy("Countersign it later.", ("lanectl", "sign", "--countersign", "BUNDLE")),
)


class Transport(HTTPAdapter):
    """Carries the requests to one server; `trail` gets its name with each of them."""

    def __init__(self, server: str, seconds: float, trail: list[str]) -> None:
        super().__init__(max_retries=0)
        self._server = server
        self._seconds = seconds
        self._trail = trail

    def mount(self, session: requests.Session, url: str) -> None:
        """Let a session use nothing else."""
        for scheme in ("https://", "http://"):
            session.mount(scheme, self)
        session.trust_env = not is_loopback(url.partition("://")[2].partition("/")[0])
        session.auth = _as_it_is  # else a ~/.netrc replaces the token

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        """Send one request. Raises UnavailableError or RefusedError for anything but success."""
        import urllib3

        self._trail.append(self._server)
        options |= {"stream": True, "timeout": self._seconds}
        try:
            response = super().send(request, **options)
            with contextlib.closing(response.raw) as raw:
                body = raw.read(_LIMIT + 1, decode_content=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(self._server, _reason(error, self._seconds)) from error
        if len(body) > _LIMIT:
            raise unavailable(self._server, f"its answer has more than {_LIMIT >> 20} MiB")
        response.raw = io.BytesIO(body)
        self._judge(response.status_code, body)
        return response

    def _judge(self, status: int, body: bytes) -> None:
        if 200 <= status < 300:
            return
        why = f"HTTP {status}: {_said(body)}"
        if status >= 500 or status in {408, 429}:
            raise unavailable(self._server, why)
        raise RefusedError(f"the {self._server} refuses", why=why, remedies=LATER)


def within(seconds: float, call: Callable[[], Result], server: Callable[[], str]) -> Result:
    """Return what a call returns, or raise UnavailableError after so many seconds.

    A server that sends a byte now and then keeps a library waiting for ever, whatever its
    time-outs: the call is left alone in its thread, which ends with the process.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
            future.set_exception(error)

    Thread(target=run, daemon=True, name=STEP).start()
    try:
        return future.result(seconds)
    except TimeoutError as error:
        raise unavailable(server(), _late(seconds)) from error


def unavailable(server: str, why: str) -> UnavailableError:
    """Return the error of a server that does not do its work now."""
    return UnavailableError(
        f"the {server} is unavailable", why=display(why, limit=400), remedies=LATER
    )


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _late(seconds: float) -> str:
    return f"no answer within {seconds:g} seconds"


def _reason(error: BaseException, seconds: float) -> str:
    """Return the innermost error's words: what the library wraps around them says nothing."""
    if isinstance(error, requests.Timeout):
        return _late(seconds)
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error) or type(error).__name__


def _said(body: bytes) -> str:
    """Return the message of a server's JSON, or the beginning of any other body."""
    text = body[:2000].decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("message"), str):
        text = document["message"]
    return display(text.strip(), limit=300) or "no reason given"
