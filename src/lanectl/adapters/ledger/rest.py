"""A Supabase project over HTTP, by supabase-py. Its key goes to one host, and into no message.

Refused: clear text to another machine, redirects, answers that are no JSON or too large. Statuses
are judged here and not in supabase-py, whose own error does not say which one it was.
"""

from __future__ import annotations

import re
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from lanectl.adapters.ledger.refusal import refusal, unavailable
from lanectl.errors import RefusedError, Remedy
from lanectl.model.address import Address, is_loopback
from lanectl.model.display import display
from lanectl.model.ledger import HandoffKey, HandoffRow, HandoffState
from lanectl.model.names import Digest, ObjectId, RepositoryId, Slug

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import httpx
    from supabase import Client

SCHEMA: Final = "lanectl"
PAGE: Final = 500
"""Rows asked for at once; a project's `max-rows` may give fewer."""

COLUMNS: Final = "key,repository,base,result_tree,slug,bundle,state,updated,commit,branch,url"
"""Of a handoff, without its claim."""

_LIMIT: Final = 256 << 20
"""Bytes of an answer: a page of the largest events."""

_KEY: Final = re.compile(r"[!-~]{1,4096}", re.ASCII)

Row = dict[str, Any]


class Query(Protocol):
    """What supabase-py builds and sends."""

    def execute(self) -> Any:
        """Send it and return an object with the parsed answer as `data`."""
        ...


class Rest:
    """One project by one key. `client` builds queries on the schema `lanectl`; `ask` sends them."""

    def __init__(self, url: str, key: str, seconds: float) -> None:
        """Open no connection yet. Raises RefusedError: no such address, a key that is none."""
        from supabase import ClientOptions, create_client

        address = _address(url)
        if not _KEY.fullmatch(key):
            raise RefusedError(
                f"the Supabase key for {display(address.host)} is none: empty, or no printable ASCII",
                remedies=(Remedy("Copy the key again, without quotes and line breaks."),),
            )
        self.host = address.host
        self._http = _session(address.host, key, seconds)
        options = ClientOptions(
            schema=SCHEMA, httpx_client=self._http, postgrest_client_retry=False,
            auto_refresh_token=False, persist_session=False,
        )  # fmt: skip
        self.client: Client = create_client(address.url, key, options=options)

    def close(self) -> None:
        """End all connections."""
        self._http.close()

    def ask(self, query: Query) -> Any:
        """Return the parsed answer. It is sent once more if the connection is cut before the answer.

        Twice is harmless: an event has its id, and a claim its token, before it is sent. Raises
        RefusedError, ConflictError, UnavailableError (also: no whole answer in time).
        """
        import httpx

        for last in (False, True):
            try:
                return query.execute().data
            except httpx.TimeoutException as error:
                raise unavailable(self.host, "it did not answer in time") from error
            except httpx.ConnectError as error:
                raise unavailable(self.host, "it cannot be reached") from error
            except httpx.HTTPError as error:
                if last:
                    raise unavailable(self.host, "the connection was cut") from error
            except (ValueError, RecursionError) as error:
                raise self.strange("something that is not JSON") from error
        raise AssertionError("the last try returns or raises")

    def rows(self, query: Query) -> list[Row]:
        """Return the rows of an answer; a single one counts as a list of one."""
        answer = self.ask(query)
        rows = [answer] if isinstance(answer, dict) else answer
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.strange("something that is no rows")
        return rows

    def pages(
        self, relation: str, columns: str, by: str, bounds: tuple[Any, Any],
        only: Mapping[str, Collection[str]],
    ) -> Iterator[Row]:  # fmt: skip
        """Yield rows by a unique column, above the first bound and up to the second, numbers or texts.

        `only`: columns and the values that they may have. A page may be short for other reasons
        than the end, so the end is an empty one.
        """
        after, last = bounds
        while after != last:
            query = self.client.table(relation).select(columns).gt(by, after).lte(by, last)
            for column, values in only.items():
                query = query.in_(column, values)
            page = self.rows(query.order(by).limit(PAGE))
            if not page:
                return
            yield from page
            end = page[-1]
            before, after = after, self.seq(end) if by == "seq" else str(end.get(by))
            if after <= before:
                raise self.strange("rows in no order")

    def handoffs(self, relation: str, slug: Slug | None) -> Iterator[HandoffRow]:
        """Yield the rows of `handoffs` or of `status`, the one that changed last first.

        Read by key, which never changes, so that a row that moves meanwhile is not missed.
        """
        only = {} if slug is None else {"slug": (slug,)}
        columns = f"{COLUMNS},seq"
        found = list(self.pages(relation, columns, "key", ("", "g"), only))
        for row in sorted(found, key=self.seq, reverse=True):
            yield self.row(row)

    def seq(self, row: Mapping[str, Any]) -> int:
        """Return the number of a row, which some servers write as text."""
        try:
            return int(row["seq"])
        except (KeyError, TypeError, ValueError) as error:
            raise self.strange("a row without its number") from error

    def row(self, row: Mapping[str, Any]) -> HandoffRow:
        """Return a handoff from the columns of its row."""
        try:
            return HandoffRow(
                HandoffKey(row["key"]), RepositoryId(row["repository"]), ObjectId(row["base"]),
                ObjectId(row["result_tree"]), Slug(row["slug"]), Digest(row["bundle"]),
                HandoffState(row["state"]), parse_moment(row["updated"]),
                ObjectId(row["commit"]) if row["commit"] else None,
                str(row["branch"] or ""), str(row["url"] or ""),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise self.strange("a handoff that is none") from error

    def strange(self, what: str) -> RefusedError:
        """Return the error for an answer that no ledger gives."""
        return RefusedError(
            f"{display(self.host)} answered {what}",
            remedies=(Remedy("Check that the address is the Supabase project's own."),),
        )


def parse_moment(text: str) -> datetime:
    """Return a time as PostgREST or another server writes it: `T` or a space, any offset or none."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _address(url: str) -> Address:
    with suppress(ValueError):
        address = Address.parse(url)
        _ = urlsplit(address.url).port  # raises for one that is none
        if address.may_carry_token:
            return address
    # the text is not shown: it may be the key, in the wrong place
    raise RefusedError(
        "the address of the Supabase project is not one that begins with https://",
        remedies=(Remedy("Copy the project's URL from its API settings."),),
    )


def _session(host: str, key: str, seconds: float) -> httpx.Client:
    """Return a session that raises for every answer without success, and reads a bounded one."""
    import httpx

    class Session(httpx.Client):
        def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
            end, data = time.monotonic() + seconds, bytearray()
            with closing(super().send(request, **{**options, "stream": True})) as answer:
                for piece in answer.iter_bytes():
                    data += piece
                    if time.monotonic() > end:
                        raise httpx.ReadTimeout("the answer is not whole", request=request)
                    if len(data) > _LIMIT:
                        raise RefusedError(f"{display(host)} answered more than {_LIMIT} bytes")
            if not answer.is_success:
                raise refusal(host, key, answer.status_code, bytes(data))
            return httpx.Response(answer.status_code, content=bytes(data), request=request)

    return Session(timeout=seconds, follow_redirects=False, trust_env=not is_loopback(host))
