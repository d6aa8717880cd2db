"""Defects of the change itself: patches that are not canonical, and paths that must not be."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from typing import Any

from tests.assets.bundles.workshop import archive
from tests.assets.bundles.workshop.bundle import (
    BASE,
    GOOD,
    LINES,
    MIGRATION,
    OTHER_COMMIT,
    Step,
)
from tests.assets.bundles.workshop.defect import Defect, defect
from tests.assets.bundles.workshop.objects import NULL, File, hunks, section
from tests.assets.bundles.workshop.steps import drop, each, put, replace

_APPLY, _FORM = "replay/does-not-apply", "replay/not-canonical"
_REFUSED = "git itself refuses this path when the patch is applied"
_OTHER_ID = b"1" * 40
_MIDDLE = File(LINES.replace(b"20 of", b"twenty of"))
"""A change in the middle of the file, where a hunk could also match elsewhere."""


def defects() -> Iterator[Defect]:
    yield from _patches()
    yield from _odd_modes()
    yield from _trees()
    yield from _names()
    yield from _links()
    yield from _modules()
    yield from _trust()
    yield from _sboms()
    yield from _rollbacks()


def good() -> Iterator[Defect]:
    """Yield bundles that must be accepted."""
    kinds: dict[bytes, File | None] = {
        b"README.md": File(b"lines.txt", "120000"),
        b"docs/a b/with space.txt": File(b"no newline at the end"),
        b"docs/.gitkeep": File(b""),
        b"docs/up": File(b"../../lines.txt".removeprefix(b"../"), "120000"),
        b"lib": File(b"2" * 40, "160000"),
        b"link": None,
        b"old.txt": None,
        b"run.sh": File(b"#!/bin/sh\necho\n"),
        'quo"ted/\u00fcml\u00e4ut/\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.txt'.encode(): File(),
        b"not-utf-8-\xff.txt": File(),
        b".gitattributes": File(b"*.txt text\n"),
        b"docs/.github/x~1": File(),
        b"docs/lanectl.toml": File(),
    }
    yield defect("good/ed25519", "")
    yield defect("good/p256", "", key="builder-p256")
    yield defect("good/every-kind-of-change", "", edits=kinds)
    yield defect("good/with-rollback", "", edits={**GOOD, **MIGRATION})
    yield defect("good/at-the-tip", "", base="tip")
    own = each(
        put("components.0.licenses", [{"license": {"id": "MIT"}}]),
        put("components.0.bom-ref", "shelf"),
        put("dependencies", [{"ref": "shelf"}]),
        put("metadata.tools", [{"vendor": "a team", "name": "a tool"}]),
        put("annotations", []),
    )
    yield defect("good/own-sbom", "", members=_on_sbom(own))


def _patches() -> Iterator[Defect]:
    steps: dict[str, tuple[str, Step]] = {
        "other-context": (_APPLY, replace(b" 1 of forty\n", b" 1 of fifty\n")),
        "other-removed-line": (_APPLY, replace(b"-2 of forty\n", b"-2 of fifty\n")),
        "other-added-line": ("replay/result-tree " + _FORM, replace(b"+two of forty", b"+evil of forty")),
        "wrong-new-id": (_FORM, replace(GOOD_ID, _OTHER_ID)),
        "wrong-old-id": (_FORM, replace(BASE[b"lines.txt"].id.encode(), _OTHER_ID)),
        "short-ids": (_FORM, lambda p: p.replace(GOOD_ID, GOOD_ID[:10])),
        "no-index-line": (_FORM, replace(_index(), b"")),
        "prose-at-the-start": (_FORM, lambda p: b"Dear reader,\n\n" + p),
        "prose-between": (_FORM, replace(b"diff --git a/new", b"By the way\ndiff --git a/new")),
        "prose-at-the-end": (_FORM, lambda p: p + b"-- \n2.39\n"),
        "nul-between": (_FORM, replace(b"diff --git a/new", b"\0\0\ndiff --git a/new")),
        "mail-header": (_FORM, lambda p: b"From 1 Mon Sep 17 00:00:00 2001\nFrom: a <a@example.test>\nSubject: x\n\n" + p),
        "hidden-in-a-hunk-heading": (_FORM, replace(b" @@\n", b" @@ hidden\n")),
        "other-prefix": (_FORM, lambda p: p.replace(b" a/", b" i/").replace(b" b/", b" w/")),
        "no-prefix": (_APPLY, lambda p: p.replace(b" a/", b" ").replace(b" b/", b" ")),
        "quoted-name": (_FORM, lambda p: p.replace(b"a/new.txt b/new.txt", b'"a/new.txt" "b/new.txt"')),
        "name-with-time": (_FORM, replace(b"+++ b/new.txt\n", b"+++ b/new.txt\t2026-01-01 00:00:00\n")),
        "traditional-header": (_FORM, lambda p: p.replace(_header(b"lines.txt") + _index(), b"")),
        "carriage-returns": (_APPLY, lambda p: p.replace(b"\n", b"\r\n")),
        "cut": (_APPLY, lambda p: p[:-6]),
        "wrong-count": (_APPLY, replace(b"@@ -1,5 +1,5 @@", b"@@ -1,6 +1,6 @@")),
        "other-order": (_FORM, _reordered),
        "no-newline-lied": ("replay/result-tree " + _FORM, lambda p: p + b"\\ No newline at end of file\n"),
        "combined-diff": (_FORM, lambda p: p.replace(b"diff --git a/", b"diff --cc ")),
        "binary-placeholder": (_APPLY, lambda p: p + b"diff --git a/x b/x\nnew file mode 100644\nindex " + NULL.encode() + b".." + _OTHER_ID + b"\nBinary files /dev/null and b/x differ\n"),
        "names-disagree": ("replay/result-tree " + _FORM, replace(b"+++ b/lines.txt", b"+++ b/other.txt")),
        "more-context": (_FORM, _with_hunk(hunks(LINES, _edited().data, 5))),
        "no-context": (_APPLY, _with_hunk(b"@@ -2 +2 @@\n-2 of forty\n+two of forty\n")),
        "dissimilarity": (_FORM, replace(_index(), b"dissimilarity index 90%\n" + _index())),
    }  # fmt: skip
    for what, (rules, step) in steps.items():
        yield defect(f"replay/{what}", rules, patch=step)
    yield defect(
        "replay/other-offset", _FORM,
        note="git finds the lines six lines away and says nothing",
        edits={b"lines.txt": _MIDDLE}, patch=replace(b"@@ -17,7 +17,7 @@", b"@@ -11,7 +11,7 @@"),
    )  # fmt: skip
    yield defect("replay/same-file-twice", _FORM, patch=_twice)
    yield defect(
        "replay/added-twice", _FORM, patch=lambda p: p + section(b"new.txt", None, File(b"new\n"))
    )
    yield defect(
        "replay/adds-what-is-there", _APPLY, patch=lambda p: p + section(b"old.txt", None, File())
    )
    yield defect(
        "replay/deletes-what-is-not-there", _APPLY, patch=lambda p: p + section(b"x", File(), None)
    )
    yield defect(
        "replay/file-below-a-file", _APPLY, patch=lambda p: p + section(b"old.txt/x", None, File())
    )
    yield defect("replay/through-a-link", _APPLY, edits={b"link/x": File()}, note=_REFUSED)
    moved: dict[bytes, File | None] = {b"old.txt": None, b"moved.txt": BASE[b"old.txt"]}
    copied: dict[bytes, File | None] = {b"copy.txt": BASE[b"old.txt"]}
    rename = b"diff --git a/old.txt b/moved.txt\nsimilarity index 100%\nrename from old.txt\nrename to moved.txt\n"
    copy = b"diff --git a/old.txt b/copy.txt\nsimilarity index 100%\ncopy from old.txt\ncopy to copy.txt\n"
    yield defect("replay/rename-form", _FORM, edits=moved, patch=lambda _: rename)
    yield defect("replay/copy-form", _FORM, edits=copied, patch=lambda _: copy)
    yield defect(
        "replay/binary-form-of-a-text",
        _FORM,
        edits={b"new.txt": File(b"new\n")},
        patch=lambda _: _binary(),
    )
    yield defect(
        "replay/binary-form-damaged",
        _APPLY,
        edits={b"new.txt": File(b"new\n")},
        patch=lambda _: _binary()[:-6] + b"00000\n\n",
    )
    yield defect("replay/empty", _APPLY, edits={}, note="git knows no empty patch")
    yield defect("replay/only-prose", _APPLY, edits={}, patch=lambda _: b"nothing to see\n")
    yield defect(
        "replay/changes-nothing", f"replay/empty {_FORM}", edits={}, patch=lambda _: _nothing()
    )


def _odd_modes() -> Iterator[Defect]:
    note = "git makes an ordinary mode of it, so the patch is not what git writes"
    for mode in ("100777", "100664", "104755", "010644", "140000"):
        plain = "100755" if int(mode, 8) & 0o100 else "100644"
        yield defect(
            f"replay/mode-{mode}", _FORM, note=note, edits={b"new.txt": File(b"new\n", plain)},
            patch=replace(f"new file mode {plain}".encode(), f"new file mode {mode}".encode()),
        )  # fmt: skip
    yield defect(
        "replay/mode-040000", _APPLY, note="a tree entry that is no tree; git warns and lanectl stops",
        patch=replace(b"new file mode 100644", b"new file mode 040000"),
    )  # fmt: skip
    yield defect(
        "replay/mode-not-octal",
        _APPLY,
        patch=replace(b"new file mode 100644", b"new file mode 100xyz"),
    )


def _trees() -> Iterator[Defect]:
    parameters = "invocation.parameters"
    yield defect(
        "replay/base-tree",
        "replay/base-tree",
        predicate=put(f"{parameters}.base_tree", OTHER_COMMIT),
    )
    yield defect(
        "replay/result-tree",
        "replay/result-tree",
        predicate=put(f"{parameters}.result_tree", OTHER_COMMIT),
    )
    yield defect(
        "replay/more-than-is-signed", "replay/result-tree",
        patch=lambda p: p + section(b"zzz.txt", None, File()),
    )  # fmt: skip


def _names() -> Iterator[Defect]:
    refused = {
        "dot-git": b".git/x", "dot-git-upper-case": b".GIT/x", "dot-git-deep": b"src/.git/config",
        "dot-git-short-name": b"git~1/x", "dot-git-space": b".git /x", "dot-git-dot": b".git./x",
        "dot-git-stream": b".git::$INDEX_ALLOCATION/x", "dot-git-hfs": ".g\u200cit/config".encode(),
        "dot-git-as-a-file": b"sub/.git", "dot-git-backslash": b"src\\.git\\x",
        "parent": b"../x", "parent-inside": b"src/../../x", "dot": b"./x", "absolute": b"/etc/x",
    }  # fmt: skip
    for what, path in refused.items():
        yield _added(f"paths/{what}", _APPLY, path, note=_REFUSED)
    yield _added("paths/dot-git-second-short-name", "paths/dot-git", b"git~2/x")
    yield _added("paths/dot-git-backslash-second-short-name", "paths/dot-git", b"src\\git~2\\x")
    yield _added("paths/dot-gitmodules-short-name", "paths/dot-git", b"GITMOD~1")
    yield _added("paths/dot-gitattributes-hashed-name", "paths/dot-git", b"src/gi7d29~1")
    yield _added("paths/dot-gitattributes-space", "paths/dot-git", b"src/.gitattributes ")
    yield _added("paths/empty-component", _APPLY, b"src//x", note=_REFUSED)
    odd = {
        "newline": b"a\nb", "carriage-return": b"a\r", "escape": b"\x1b[31m.py", "bell": b"a\x07",
        "delete": b"a\x7f", "c1-control": "a\u009b".encode(), "bidi": "x\u202etxt.exe".encode(),
        "bidi-isolate": "a\u2066".encode(), "zero-width-space": "a\u200b".encode(),
        "byte-order-mark": "\ufeffa".encode(), "soft-hyphen": "a\u00ad".encode(),
        "tag-character": "a\U000e0041".encode(), "line-separator": "a\u2028b".encode(),
        "backslash": b"..\\..\\x", "drive": b"C:/x", "stream": b"a:ads", "tab": b"a\tb",
    }  # fmt: skip
    for what, path in odd.items():
        yield _added(f"paths/{what}", "paths/name", path)
    yield _added("paths/new-submodule", "paths/submodule", b"vendor", File(b"3" * 40, "160000"))
    yield _added(
        "paths/file-becomes-submodule", "paths/submodule", b"old.txt", File(b"3" * 40, "160000")
    )
    yield _added(
        "paths/null-submodule", _APPLY, b"vendor", File(b"0" * 40, "160000"), note=_REFUSED
    )


def _links() -> Iterator[Defect]:
    targets = {
        "absolute": b"/etc/passwd", "outward": b"../x", "far-outward": b"../../../../../etc/passwd",
        "outward-in-the-middle": b"a/../../x", "back-through-another-link": b"deep/er/link/../../x",
        "into-dot-git": b".git/config", "into-dot-git-upper-case": b".GIT/hooks",
        "into-dot-git-short-name": b"GIT~1/config", "into-a-submodules-dot-git": b"lib/.git",
        "to-rules": b"lanectl.toml", "to-trust": b".lanectl/trust", "to-trust-upper-case": b".LaneCTL",
        "to-rules-through-a-link": b"docs/root/lanectl.toml", "backslash": b"..\\x",
        "drive": b"C:/x", "newline": b"a\nb", "escape": b"\x1b[2J", "long": b"a/" * 2500,
        "trailing-carriage-return": b"lines.txt\r",
    }  # fmt: skip
    for what, target in targets.items():
        yield _added(f"paths/link-{what}", "paths/link", b"alias", File(target, "120000"))
    yield _added("paths/link-from-below", "paths/link", b"a/b/alias", File(b"../../../x", "120000"))
    yield _added("paths/link-empty", "paths/link", b"alias", File(b"", "120000"))
    yield _added("paths/changed-link", "paths/link", b"link", File(b"/etc/passwd", "120000"))
    yield _added("paths/file-becomes-link", "paths/link", b"run.sh", File(b"/bin/sh", "120000"))
    yield _added(
        "paths/link-as-gitmodules", _APPLY, b".gitmodules", File(b"x", "120000"), note=_REFUSED
    )


def _modules() -> Iterator[Defect]:
    settings = {
        "transport": b"url = ext::sh -c true", "quoted-transport": b'url = "e"xt::sh',
        "file": b"url = file:///etc", "path-outside": b"path = ../x", "branch-an-option": b"branch = --x",
        "path-into-dot-git": b"path = lib/.git/hooks", "control": b'url = "https://a.test/\x1b"',
    }  # fmt: skip
    for what, setting in settings.items():
        text = File(b'[submodule "lib"]\n\t%b\n' % setting)
        yield _added(f"paths/modules-{what}", "paths/modules", b".gitmodules", text)
    refused = {
        "url-an-option": b'[submodule "lib"]\nurl = "-u./x"\n',
        "update": b'[submodule "lib"]\nupdate = !true\n',
        "name-outside": b'[submodule "../x"]\nurl = ../x\n',
    }
    for what, data in refused.items():
        note = "git's own check of what it takes in refuses this file"
        yield _added(f"paths/modules-{what}", _APPLY, b".gitmodules", File(data), note)


def _trust() -> Iterator[Defect]:
    trust = "paths/trust"
    for what, path in {
        "rules": b"lanectl.toml", "rules-upper-case": b"LANECTL.TOML", "other-case": b".LANECTL/x",
        "new-file": b".lanectl/x", "outbox": b".lanectl/outbox/x/artifact.tar.gz",
        "keyring": b".lanectl/trust/keyring.json", "rules-as-a-folder": b"Lanectl.toml/x",
    }.items():  # fmt: skip
        yield _added(f"paths/trust-{what}", trust, path)
    yield defect("paths/trust-rules-deleted", trust, edits={b"lanectl.toml": None})
    yield defect("paths/trust-keyring-deleted", trust, edits={b".lanectl/trust/keyring.json": None})
    yield defect(
        "paths/trust-keyring-moved-away", trust,
        edits={b".lanectl/trust/keyring.json": None, b"keyring.json": File()},
    )  # fmt: skip
    yield _added("paths/trust-becomes-a-link", trust, b"lanectl.toml", File(b"/x", "120000"))


_SCRIPT = {"type": "website", "url": "javascript:alert(1)"}
_ANOTHER = {"type": "library", "name": "shelf", "version": "2.0", "purl": "pkg:pypi/shelf@2.0"}


def _on_sbom(step: Step) -> Step:
    def on_members(members: Any) -> None:
        document = json.loads(members["sbom.cdx.json"])
        step(document)
        members["sbom.cdx.json"] = json.dumps(document).encode()

    return on_members


def _sboms() -> Iterator[Defect]:
    steps = {
        "not-cyclonedx": put("bomFormat", "SPDX"),
        "other-version": put("specVersion", "1.4"),
        "dangling-reference": put("dependencies.0.dependsOn", ["pkg:pypi/ghost@1"]),
        "component-twice": put("components", lambda c: c * 2),
        "purl-of-another": put("components.0.name", "other"),
        "unknown-field": put("vulnerable", []),
        "escape-in-a-name": put("components.0.name", "\u001b[31mshelf"),
        "serial-number": put("serialNumber", "urn:uuid:hello"),
        "script-as-an-address": put("components.0.externalReferences", [_SCRIPT]),
        "type-of-no-component": put("components.0.type", "virus"),
    }
    for what, step in steps.items():
        yield defect(f"sbom/{what}", "sbom/malformed", members=_on_sbom(step))
    mended = {
        "no-components": each(drop("components"), drop("dependencies")),
        "component-missing": each(put("components", []), put("dependencies", [])),
        "component-too-many": put(
            "components", lambda c: [*c, {"type": "library", "name": "more"}]
        ),
        "component-of-another-version": put(
            "components.0", {**_ANOTHER, "bom-ref": "pkg:pypi/shelf@1.0"}
        ),
        "hash-made-up": put("components.0.hashes", [{"alg": "SHA-256", "content": "0" * 64}]),
        "component-inside-another": put("components.0.components", [_ANOTHER]),
    }
    for what, step in mended.items():
        yield defect(f"sbom/{what}", "sbom/components", members=_on_sbom(step))
    for what, data in {
        "not-json": b"<bom/>",
        "empty": b"",
        "duplicate-key": b'{"bomFormat":"x","bomFormat":"CycloneDX"}',
    }.items():
        yield defect(
            f"sbom/{what}", "sbom/malformed", members=lambda m, d=data: {**m, "sbom.cdx.json": d}
        )


def _rollbacks() -> Iterator[Defect]:
    edits: dict[bytes, File | None] = {**GOOD, **MIGRATION}
    names = "invocation.parameters.rollback"
    content = "rollback/content"

    def added(members: Any) -> Any:
        return {**members, "rollback.sql": b"drop view orders;\n"}

    def ordered(members: Any) -> Any:
        members = added(members)
        return {
            k: members[k]
            for k in ("merge-base.sha", "changes.patch", "sbom.cdx.json", "rollback.sql")
        }

    yield defect(
        "rollback/missing",
        "rollback/missing",
        edits=edits,
        members=lambda m: _without(m, "rollback.sql"),
    )
    yield defect(
        "rollback/missing-for-a-deleted-migration-name", "rollback/missing",
        edits={b"db/deep/migrations/1.sql": File()},
    )  # fmt: skip
    yield defect("rollback/unexpected", f"rollback/unexpected {content}", members=ordered)
    alone: dict[bytes, File | None] = {p: f for p, f in edits.items() if b"/migrations/" not in p}
    yield defect("rollback/unexpected-though-in-the-tree", "rollback/unexpected", edits=alone)
    other = {"members": lambda m: {**m, "rollback.sql": b"drop database shop;\n"}}
    yield defect("rollback/other-content", f"{content} sql/statement", edits=edits, **other)
    yield defect(
        "rollback/empty-content",
        f"{content} sql/empty",
        edits=edits,
        members=lambda m: {**m, "rollback.sql": b""},
    )
    yield defect("rollback/names-nothing", content, edits=edits, predicate=put(names, []))
    yield defect(
        "rollback/names-another-file", content, edits=edits, predicate=put(names, ["new.txt"])
    )
    yield defect(
        "rollback/names-what-is-not-there",
        content,
        edits=edits,
        predicate=put(names, ["ghost.sql"]),
    )
    yield defect(
        "rollback/names-a-folder", content, edits=edits, predicate=put(names, ["supabase"])
    )
    yield defect("rollback/names-a-link", content, edits=edits, predicate=put(names, ["link"]))
    yield defect(
        "rollback/names-one-too-many", content, edits=edits,
        predicate=put(names, lambda n: [*n, "old.txt"]),
    )  # fmt: skip


def _added(name: str, rules: str, path: bytes, file: File | None = None, note: str = "") -> Defect:
    return defect(name, rules, note, edits={path: file or File()})


def _without(members: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {k: v for k, v in members.items() if k != name}


def _edited() -> File:
    file = GOOD[b"lines.txt"]
    if file is None:
        raise AssertionError
    return file


GOOD_ID = _edited().id.encode()


def _header(path: bytes) -> bytes:
    return b"diff --git a/%b b/%b\n" % (path, path)


def _index() -> bytes:
    return b"index %b..%b 100644\n" % (BASE[b"lines.txt"].id.encode(), GOOD_ID)


def _reordered(patch: bytes) -> bytes:
    at = patch.index(_header(b"new.txt"))
    return patch[at:] + patch[:at]


def _with_hunk(hunk: bytes) -> Step:
    def step(patch: bytes) -> bytes:
        return patch[: patch.index(b"@@")] + hunk + patch[patch.index(_header(b"new.txt")) :]

    return step


def _twice(patch: bytes) -> bytes:
    middle = File(LINES.replace(b"2 of forty\n", b"TWO of forty\n", 1))
    at = patch.index(_header(b"new.txt"))
    one = section(b"lines.txt", BASE[b"lines.txt"], middle)
    return one + section(b"lines.txt", middle, _edited()) + patch[at:]


def _binary() -> bytes:
    data = b"new\n"
    packed = b"\x78\x01" + archive.deflate(data) + zlib.adler32(data).to_bytes(4, "big")
    letter = bytes([ord("A") + len(packed) - 1])
    text = base64.b85encode(packed, pad=True)
    head = _header(b"new.txt") + b"new file mode 100644\n"
    ids = b"index %b..%b\n" % (NULL.encode(), File(data).id.encode())
    return (
        head + ids + b"GIT binary patch\nliteral %d\n%b%b\n\n" % (len(data), letter, text)
        + b"literal 0\nHcmV?d00001\n\n"
    )  # fmt: skip


def _nothing() -> bytes:
    name = BASE[b"old.txt"].id.encode()
    return _header(
        b"old.txt"
    ) + b"index %b..%b 100644\n--- a/old.txt\n+++ b/old.txt\n@@ -1 +1 @@\n-old\n+old\n" % (
        name,
        name,
    )
