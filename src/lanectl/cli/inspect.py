"""`lanectl inspect`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lanectl.cli import options, render

if TYPE_CHECKING:
    from lanectl.adapters.git.history import PlaceInHistory
    from lanectl.flows.inspect import Inspection


def command(
    bundle: options.BundleFile,
    patch: Annotated[bool, typer.Option("--patch", help="Show the patch, escaped.")] = False,
    signature: options.SignatureFile = None,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """Show what a bundle says of itself, unjudged (any lane)."""
    from lanectl.flows.inspect import inspect
    from lanectl.model.bundle import PATCH
    from lanectl.model.display import display_lines
    from lanectl.wiring import common, neutral

    found = inspect(neutral.submission(bundle, signature), limit=common.limits().inflated)
    place = neutral.place_in_history(repo, found.statement.handoff.base)
    if as_json:
        render.document(_document(found, place))
    else:
        _show(found, place)
    if patch and not as_json:
        text = bytes(found.bundle.members[PATCH]).decode("utf-8", "surrogateescape")
        render.block(display_lines(text))
    return 0


def _document(found: Inspection, place: PlaceInHistory | None) -> dict[str, Any]:
    from lanectl.formats.masked import shown

    handoff, at = found.statement.handoff, found.statement.circumstances
    return {
        "outcome": "unverified",
        "bundle": f"sha256:{found.bundle.digest}",
        "members": {name: len(content) for name, content in found.bundle.members.items()},
        "signed": found.method is not None,
        "method": found.method,
        "hint": found.hint,
        "slug": handoff.slug,
        "title": shown(handoff.title),
        "message": shown(handoff.message, limit=70_000),
        "repository": handoff.repository,
        "base": handoff.base,
        "base_tree": handoff.base_tree,
        "result_tree": handoff.result_tree,
        "components": found.components,
        "issued": at.issued.isoformat() if at else None,
        "expires": at.expires.isoformat() if at else None,
        "attempt": at.attempt if at else None,
        "supersedes": at.supersedes if at else None,
        "history": None if place is None else {
            "subject": shown(place.subject), "author": shown(place.author), "date": place.date,
            "commits_since": place.commits_since,
        },
        "files": [
            {"file": _name(f.header), "change": f.change, "added": f.added, "removed": f.removed, "binary": f.binary}
            for f in found.files
        ],
    }  # fmt: skip


def _show(found: Inspection, place: PlaceInHistory | None) -> None:
    from lanectl.formats.masked import shown

    handoff, at = found.statement.handoff, found.statement.circumstances
    render.data("UNVERIFIED: this is what the bundle says of itself")
    where = "not in this repository"
    if place is not None:
        moved = (
            "not an ancestor of HEAD"
            if place.commits_since is None
            else f"{place.commits_since} commits behind HEAD"
        )
        where = f"{shown(place.subject)!r} by {shown(place.author)}, {place.date}, {moved}"
    rows = [
        ("handoff", f"{handoff.slug}: {shown(handoff.title)}"),
        ("repository", handoff.repository),
        ("bundle", f"sha256:{found.bundle.digest}"),
        ("base", handoff.base),
        ("", where),
        ("base tree", handoff.base_tree),
        ("result tree", handoff.result_tree),
        ("signer", _signer(found)),
        (
            "issued",
            f"{at.issued:%Y-%m-%d %H:%M}Z to {at.expires:%Y-%m-%d %H:%M}Z, attempt {at.attempt}"
            if at
            else "–",
        ),
        ("components", str(found.components)),
    ]
    render.table(("", ""), rows)
    render.data("")
    render.table(("member", "bytes"), [(n, f"{len(c):,}") for n, c in found.bundle.members.items()])
    render.data("")
    render.table(
        ("file", "change", "lines"),
        [
            (_name(f.header), f.change, "binary" if f.binary else f"+{f.added} -{f.removed}")
            for f in found.files
        ],
    )


def _signer(found: Inspection) -> str:
    if found.method is None:
        return "unsigned"
    return f"says key hint {found.hint}" if found.hint else f"signed by {found.method}"


def _name(header: bytes) -> str:
    """Return the name in a `diff --git a/X b/X` header: both halves are the same without renames."""
    from lanectl.formats.masked import shown

    text = header.decode("utf-8", "surrogateescape")
    half = text[: (len(text) - 1) // 2]
    return shown(half.removeprefix('"').removesuffix('"').removeprefix("a/"))
