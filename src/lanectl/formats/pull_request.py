"""The pull request and the check-run of an applied handoff, as GitHub takes them.

Everything the Builder wrote stands in a fence or a code span (formats/markdown.py). The block at
the end is for programs that need to find something; it proves nothing, anyone may edit a body.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lanectl.formats import json, masked
from lanectl.formats.markdown import code, cut, cut_lines, fence, table
from lanectl.model.bundle import PATCH
from lanectl.model.change import Mode
from lanectl.model.display import display, display_lines
from lanectl.model.pull_request import Annotation, CheckOutput, PullRequestText
from lanectl.model.report import MalformedError
from lanectl.model.signer import Method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.change import FileChange
    from lanectl.model.names import ObjectId
    from lanectl.model.pull_request import Proposal
    from lanectl.model.sbom import ComponentDelta
    from lanectl.model.signer import Signer

SCHEMA = "urn:lanectl:handoff:v1"

# GitHub counts characters; bytes are never fewer. With what is fixed their sum stays below 65,535.
_TITLE_LIMIT = 256
_MESSAGE_LIMIT = 20_000
_FILES_LIMIT = 16_000
_COMPONENTS_LIMIT = 3_000
_ANNOTATIONS = 50

_BLOCK = re.compile(r"^<!-- lanectl:handoff (\{[ -~]{0,10000}\}) -->\r?$", re.MULTILINE)
_BINARY = re.compile(
    rb"^index ([0-9a-f]{40,64})\.\.([0-9a-f]{40,64})(?: [0-7]{6})?\nGIT binary patch$",
    re.MULTILINE,
)


def pull_request(proposal: Proposal) -> PullRequestText:
    """Return title and body; the number of the pull request is not known yet."""
    handoff = proposal.verified.statement.handoff
    return PullRequestText(
        title=display(handoff.title, limit=_TITLE_LIMIT)[:_TITLE_LIMIT],
        body="\n".join([
            "## What and why\n",
            "The Builder's own words, as signed:\n",
            _words(proposal),
            "## Evidence\n",
            _evidence(proposal),
            *_sections(proposal),
            "## How to check it\n",
            "In a clone, with N the number of this pull request (nothing of it is executed):\n",
            "```sh\nlanectl verify --pull-request N\n```\n",
            _block(proposal),
        ]),
    )  # fmt: skip


def check_output(proposal: Proposal) -> CheckOutput:
    """Return the same facts as the output of a check-run on the applied commit."""
    found = tuple(_annotations(proposal))
    return CheckOutput(
        title=f"Verified: bundle {proposal.verified.bundle.digest[:12]}, {_count(proposal.files, 'file')}",
        summary=_evidence(proposal),
        text="\n".join(["## What and why\n", _words(proposal), *_sections(proposal)]),
        annotations=found
        if len(found) <= _ANNOTATIONS
        else (*found[: _ANNOTATIONS - 1], _more(found[_ANNOTATIONS - 1 :])),
    )


def read_block(body: str) -> dict[str, str] | None:
    """Return what the last block of a body says, or None. Never evidence."""
    blocks = _BLOCK.findall(body)
    if not blocks:
        return None
    try:
        value = json.load(blocks[-1].encode(), rule="", limit=len(blocks[-1]))
    except MalformedError:
        return None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        return None
    return value if all(isinstance(item, str) for item in value.values()) else None


def _words(proposal: Proposal) -> str:
    handoff = proposal.verified.statement.handoff
    text = "\n\n".join(part for part in (handoff.title, handoff.message.strip("\n")) if part)
    return fence(cut(display_lines(text), limit=_MESSAGE_LIMIT))


def _evidence(proposal: Proposal) -> str:
    verified, handoff = proposal.verified, proposal.verified.statement.handoff
    signer, at = verified.signer, verified.statement.circumstances
    superseded = at.supersedes if at else None
    return table((
        ("Handoff", f"{code(handoff.slug)} for {code(handoff.repository)}"),
        ("Bundle", code(f"sha256:{verified.bundle.digest}")),
        ("Base", code(handoff.base)),
        ("Result tree", code(handoff.result_tree)),
        ("Commit", code(proposal.commit)),
        ("Signer", f"{code(signer.name)}, {signer.role.value}, {_who(signer)}"),
        ("Attempt", str(at.attempt) if at else "unknown"),
        *([("Supersedes", code(f"sha256:{superseded}"))] if superseded else []),
        ("Rollback", f"yes, from {_count(handoff.rollback, 'file')}" if handoff.rollback else "no"),
    ))  # fmt: skip


def _sections(proposal: Proposal) -> list[str]:
    lines = [_file_line(f) for f in proposal.files]
    return [
        f"## Files changed: {len(lines)}\n",
        fence(cut_lines(lines, limit=_FILES_LIMIT)),
        *_components(proposal.components),
    ]


def _file_line(file: FileChange) -> str:
    modes = {
        "added": file.new_mode,
        "deleted": file.old_mode,
        "modified": file.new_mode,
    }.get(file.kind, f"{file.old_mode} -> {file.new_mode}")
    target = f" -> {masked.path(file.target)}" if file.target is not None else ""
    return f"{file.kind:<8} {modes:<16} {masked.path(file.path)}{target}"


def _components(delta: ComponentDelta) -> list[str]:
    parts = (
        ("added", delta.added),
        ("removed", delta.removed),
        ("changed", delta.changed),
        ("that a lockfile does not pin or name", delta.gaps),
    )
    blocks = [
        f"Components {name}: {len(lines)}\n\n{fence(cut_lines(lines, limit=_COMPONENTS_LIMIT))}"
        for name, lines in parts
        if lines
    ]
    return ["## Components\n", *(blocks or ["No component that a lockfile names has changed.\n"])]


def _annotations(proposal: Proposal) -> Iterator[Annotation]:
    """Yield what a reviewer cannot see in the diff."""
    binary = set(_BINARY.findall(proposal.verified.bundle.members[PATCH]))
    for file in proposal.files:
        for title, message in _unseen(file, binary):
            yield Annotation(_path(file.path), title, message)


def _path(path: bytes) -> str:
    """Return the path as the forge knows it, unless something in it must not be shown raw."""
    text = path.decode(errors="replace")
    return text if text.isprintable() and "\ufffd" not in text else masked.path(path)


def _unseen(file: FileChange, binary: set[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    old, new = file.old_mode, file.new_mode
    if new == Mode.LINK:
        yield "Symbolic link", f"It points to {masked.path(file.target or b'')}."
    if new == Mode.SUBMODULE:
        yield "Submodule", f"It names commit {file.new_id}, which lies in another repository."
    if new == Mode.EXECUTABLE != old:
        yield "Now executable", f"The mode was {old} and is {new}."
    if old == Mode.EXECUTABLE and new == Mode.FILE:
        yield "No longer executable", f"The mode was {old} and is {new}."
    if not binary.isdisjoint(_sides(file)):
        yield "Binary file", f"The diff does not show its content, blob {file.new_id}."


def _sides(file: FileChange) -> set[tuple[bytes, bytes]]:
    """Return the ids that the patch names for a file that stays; a changed type is added anew."""
    if file.new_mode == Mode.ABSENT:
        return set()
    null = "0" * len(file.new_id) if file.kind == "type" else file.old_id
    return {(null.encode(), file.new_id.encode())}


def _more(rest: tuple[Annotation, ...]) -> Annotation:
    return Annotation(rest[0].path, f"{len(rest)} notices more", "Only the first are shown here.")


def _block(proposal: Proposal) -> str:
    verified, handoff = proposal.verified, proposal.verified.statement.handoff
    at = verified.statement.circumstances
    superseded: ObjectId | str = f"sha256:{at.supersedes}" if at and at.supersedes else ""
    facts = {
        "schema": SCHEMA,
        "repository": handoff.repository,
        "slug": handoff.slug,
        "bundle": f"sha256:{verified.bundle.digest}",
        "base": handoff.base,
        "result_tree": handoff.result_tree,
        "commit": proposal.commit,
        "signer": verified.signer.id,
        "attempt": str(at.attempt) if at else "",
        "supersedes": superseded,
    }
    text = json.dump(facts).decode()
    for char in "<>-":  # they stand in strings only, and nothing else could close the comment
        text = text.replace(char, f"\\u{ord(char):04x}")
    return f"<!-- lanectl:handoff {text} -->\n"


def _who(signer: Signer) -> str:
    return f"key {code(signer.id)}" if signer.method is Method.KEY else code(signer.id)


def _count(items: tuple[object, ...], noun: str) -> str:
    return f"{len(items)} {noun}" + ("" if len(items) == 1 else "s")
