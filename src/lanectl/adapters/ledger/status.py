"""Where handoffs are, read over HTTP by a key that anybody may have. Has no way to write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.adapters.ledger.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.ledger import HandoffRow
    from lanectl.model.names import Slug


def open_status(url: str, key: str, *, seconds: float = 10) -> SupabaseStatus:
    """Return the reader of a project's status by its publishable key; nothing is asked yet.

    `seconds`: how long the server may keep us waiting. Raises RefusedError as `open_ledger` does.
    """
    return SupabaseStatus(Rest(url, key, seconds))


class SupabaseStatus:
    """Implements `ports.ledger.StatusReader` over the view `status`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def status(self, slug: Slug | None = None) -> Iterator[HandoffRow]:
        """Yield handoffs, the one that changed last first."""
        return self._rest.handoffs("status", slug)

    def close(self) -> None:
        """End the connections."""
        self._rest.close()
