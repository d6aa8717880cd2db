"""The files around a ledger: exports, anchors, keyrings that a person names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.wiring.common import read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lanectl.adapters.export import ExportFile
    from lanectl.formats.ledger_export import Header
    from lanectl.model.ledger import Event
    from lanectl.model.trust import Keyring
    from lanectl.ports.ledger import AnchorStore

_ANCHORS_LIMIT = 1 << 30


def export_file(path: str) -> ExportFile:
    """Return an export that a person named. Raises UnreadableError."""
    from lanectl.adapters.export import ExportFile

    return ExportFile(path)


def write_export(path: str | None, header: Header, events: Iterable[Event]) -> int:
    """Write an export; return how many events it holds."""
    from lanectl.adapters import export

    return export.write_export(path, header, events)


def keyring_file(path: str) -> Keyring:
    """Return a keyring that a person named. Raises UnreadableError."""
    from lanectl.errors import UnreadableError
    from lanectl.formats import keyring
    from lanectl.model.display import display
    from lanectl.model.report import MalformedError

    try:
        return keyring.read(read_file(path, limit=keyring.LIMIT))
    except MalformedError as error:
        raise UnreadableError(
            f"{display(path)} is no keyring", why=display(f"{error.fault.where} {error.fault.got}")
        ) from error


def anchors(store: AnchorStore | None, named: Sequence[str]) -> list[tuple[str, bytes]]:
    """Return every anchor with its place: of the state folder, then of the named files."""
    from lanectl.flows.anchor import split

    found = (
        [(f"anchors.jsonl, line {n}", a) for n, a in enumerate(store.anchors(), 1)] if store else []
    )
    for path in named:
        data = split(read_file(path, limit=_ANCHORS_LIMIT))
        found += [(f"{path}, line {n}", a) for n, a in enumerate(data, 1)]
    return found
