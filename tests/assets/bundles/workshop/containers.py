"""Defects of the archive: every attack on tar and gzip that we know of."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from tests.assets.bundles.workshop import archive
from tests.assets.bundles.workshop.archive import end, gzip, header, member, tar, trailer
from tests.assets.bundles.workshop.bundle import MISSING, Made, Plan, make
from tests.assets.bundles.workshop.defect import Defect, defect

Members = dict[str, bytes]
LIMIT = 1 << 20
EMPTY_XZ = base64.b64decode(
    "/Td6WFoAAAFpIt42AgAhARYAAAB0L+Wj4Cf/ACxdAABv/f//o7f/Rz5IFXI5YVG4kijmo4YH+e7k"
    "HoLTL8U6PAFLsX7JilwyG2QAAJreHScAAUSAUAAAAJcjdy0+MA2LAgAAAAABWVo="
)
EMPTY_BZ2 = base64.b64decode("QlpoOTFBWSZTWVl7uOQAABRQAMAABAAACCAAMMwFKaYTYieLuSKcKEgsvdxyAA==")
"""An empty archive in the forms that tarfile opens as well; their libraries' bytes may change."""

_MEMBER, _FORM, _GZIP = "archive/member", "archive/not-canonical", "archive/gzip"


def defects() -> Iterator[Defect]:
    yield from _names()
    yield from _types()
    yield from _headers()
    yield from _ends()
    yield from _streams()
    yield from _digests()


def _names() -> Iterator[Defect]:
    """Yield unknown names: alone at the front, so that nothing else hides them."""
    names = {
        "traversal": "../merge-base.sha",
        "traversal-inside": "x/../merge-base.sha",
        "absolute": "/merge-base.sha",
        "dot": "./merge-base.sha",
        "unknown-member": "install.sh",
        "case-variant": "Merge-Base.SHA",
        "homoglyph": "merge-b\u0430se.sha",
        "windows-path": "C:\\merge-base.sha",
        "empty-name": " ",
        "newline-in-name": "merge-base.sha\n",
    }
    for what, name in names.items():
        yield _packed(f"archive/{what}", _MEMBER, lambda m, n=name: tar([(n, b"x\n"), *m.items()]))
    yield _packed(
        "archive/hidden-after-name",
        _MEMBER,
        lambda m: tar(m, merge_base_sha={"name": b"merge-base.sha\0../x"}),
    )
    yield _packed("archive/duplicate-member", _MEMBER, lambda m: tar([*_first(m, 2), *_from(m, 1)]))
    yield _packed("archive/wrong-order", _MEMBER, lambda m: tar([*_from(m, 1), *_first(m, 1)]))
    for name in ("merge-base.sha", "changes.patch", "sbom.cdx.json", "attestation.intoto"):
        yield _packed(
            f"archive/missing-{name.replace('.', '-')}", _MEMBER,
            lambda m, n=name: tar({k: v for k, v in m.items() if k != n}),
        )  # fmt: skip
    yield _packed("archive/no-members", _MEMBER, lambda _: tar({}))


def _types() -> Iterator[Defect]:
    kinds = {
        "old-regular": b"\0", "hardlink": b"1", "symlink": b"2", "character-device": b"3",
        "block-device": b"4", "folder": b"5", "fifo": b"6", "contiguous": b"7", "sparse": b"S",
        "unknown-type": b"Z",
    }  # fmt: skip
    for what, kind in kinds.items():
        odd = {"type": kind, "linkname": b"/etc/passwd" if kind in b"12" else b""}
        yield _packed(f"archive/{what}", _FORM, lambda m, o=odd: tar(m, changes_patch=o))
    for what, kind in {"symlink": b"2", "fifo": b"6"}.items():
        yield _packed(
            f"archive/empty-{what}", _FORM,
            lambda m, k=kind: tar({**m, "changes.patch": b""}, changes_patch={"type": k, "linkname": b"x"}),
        )  # fmt: skip
    record = b"26 path=changes/../../../x\n"
    for what, kind in {"pax": b"x", "pax-global": b"g", "solaris": b"X"}.items():
        extra = member("PaxHeaders/x", record, type=kind)
        yield _packed(f"archive/{what}-header", _MEMBER, lambda m, e=extra: _before(e, m))
        hidden = member("merge-base.sha", record, type=kind)
        yield _packed(
            f"archive/{what}-header-in-disguise", _MEMBER, lambda m, e=hidden: _before(e, m)
        )
    for what, kind in {"gnu-long-name": b"L", "gnu-long-link": b"K"}.items():
        extra = member("././@LongLink", b"../../x\0", type=kind)
        yield _packed(f"archive/{what}", _MEMBER, lambda m, e=extra: _before(e, m))
    volume = member("label", b"", type=b"V")
    yield _packed("archive/volume-label", _MEMBER, lambda m: _before(volume, m))


def _headers() -> Iterator[Defect]:
    fields: dict[str, dict[str, bytes]] = {
        "mode-executable": {"mode": b"0000755\0"},
        "mode-setuid": {"mode": b"0004755\0"},
        "uid": {"uid": b"0001750\0"},
        "gid": {"gid": b"0001750\0"},
        "mtime": {"mtime": b"14524770400\0"},
        "uname": {"uname": b"root"},
        "gname": {"gname": b"root"},
        "device-number": {"major": b"0000001\0"},
        "empty-device-number": {"major": b"", "minor": b""},
        "prefix": {"prefix": b"../.."},
        "gnu-magic": {"magic": b"ustar ", "version": b" \0"},
        "no-magic": {"magic": b"", "version": b""},
        "after-the-fields": {"rest": b"hidden"},
        "wrong-checksum": {"checksum": b"000000\0 "},
        "checksum-in-other-form": {"checksum": b"00000000"},
        "linkname-of-a-file": {"linkname": b"/etc/passwd"},
    }
    for what, odd in fields.items():
        yield _packed(f"archive/{what}", _FORM, lambda m, o=odd: tar(m, changes_patch=o))
    sizes = {
        "size-base-256": lambda n: b"\x80" + n.to_bytes(11, "big"),
        "size-negative": lambda _: b"\xff" * 12,
        "size-with-spaces": lambda n: b"%11o\0" % n,
        "size-twelve-digits": lambda n: b"%012o" % n,
        "size-not-octal": lambda _: b"00000000009\0",
        "size-signed": lambda n: b"+%010o\0" % n,
    }
    for what, size in sizes.items():
        yield _packed(
            f"archive/{what}", _FORM,
            lambda m, s=size: tar(m, changes_patch={"size": s(len(m["changes.patch"]))}),
        )  # fmt: skip
    yield _packed(
        "archive/size-past-the-end", _GZIP,
        lambda m: tar(m, attestation_intoto={"size": b"77777777777\0"}),
    )  # fmt: skip


def _ends() -> Iterator[Defect]:
    def body(m: Members) -> bytes:
        return b"".join(member(n, d) for n, d in m.items())

    def dirty(m: Members) -> bytes:
        data = bytearray(tar(m))
        data[512 + len(m["merge-base.sha"])] = 1
        return bytes(data)

    yield _packed("archive/padding-of-a-member", _FORM, dirty)
    yield _packed(
        "archive/padding-of-the-record", _FORM, lambda m: body(m) + end(len(body(m)), b"x")
    )
    yield _packed("archive/second-archive", _FORM, lambda m: tar(m) + tar({"x": b"hidden"}))
    yield _packed(
        "archive/second-archive-in-the-record", _FORM,
        lambda m: (body(m) + bytes(1024) + member("x", b"hidden")).ljust(10240, b"\0"),
    )  # fmt: skip
    yield _packed("archive/no-end-blocks", _FORM, body)
    yield _packed("archive/one-end-block", _FORM, lambda m: body(m) + bytes(512))
    yield _packed("archive/no-record", _FORM, lambda m: body(m) + bytes(1024))
    yield _packed("archive/one-record-too-many", _FORM, lambda m: tar(m) + bytes(10240))
    yield _packed("archive/cut-in-a-block", _FORM, lambda m: tar(m)[:-100])
    yield _packed("archive/cut-in-a-member", _GZIP, lambda m: tar(m)[:1600])
    yield _packed("archive/cut-in-a-header", _MEMBER, lambda _: header("merge-base.sha", 5)[:300])


def _streams() -> Iterator[Defect]:
    forms = {
        "bz2": lambda _: EMPTY_BZ2,
        "xz": lambda _: EMPTY_XZ,
        "plain-tar": lambda d: d,
        "zlib": lambda d: b"\x78\x01" + archive.deflate(d) + b"\0\0\0\0",
        "empty-file": lambda _: b"",
        "header-only": lambda _: archive.GZIP,
        "file-name": lambda d: _flagged(8, b"../../x.tar\0", d),
        "comment": lambda d: _flagged(16, b"hidden\0", d),
        "extra-field": lambda d: _flagged(4, b"\6\0hidden", d),
        "header-checksum": lambda d: _flagged(2, b"\0\0", d),
        "text-flag": lambda d: _flagged(1, b"", d),
        "time": lambda d: archive.GZIP[:4] + b"\1\0\0\0" + gzip(d)[8:],
        "operating-system": lambda d: archive.GZIP[:9] + b"\3" + gzip(d)[10:],
        "other-method": lambda d: b"\x1f\x8b\7" + gzip(d)[3:],
        "two-streams": lambda d: gzip(d[:5120]) + gzip(d[5120:]),
        "second-stream": lambda d: gzip(d) + gzip(b"hidden"),
        "empty-second-stream": lambda d: gzip(d) + gzip(b""),
        "trailing-bytes": lambda d: gzip(d) + b"hidden",
        "trailing-zeros": lambda d: gzip(d) + bytes(512),
        "cut-in-the-header": lambda d: gzip(d)[:9],
        "cut-in-the-data": lambda d: gzip(d)[:600],
        "cut-before-the-trailer": lambda d: gzip(d)[:-8],
        "cut-in-the-trailer": lambda d: gzip(d)[:-1],
        "no-last-block": lambda d: archive.GZIP + archive.deflate(d, final=False) + trailer(d),
        "not-deflate": lambda d: archive.GZIP + b"\xff" * 64 + trailer(d),
        "wrong-checksum": lambda d: gzip(d)[:-8] + bytes(4) + gzip(d)[-4:],
        "wrong-length": lambda d: gzip(d)[:-4] + bytes(4),
    }  # fmt: skip
    for what, form in forms.items():
        yield defect(f"gzip/{what}", _GZIP, gzip=form)
    yield defect("gzip/bomb", "archive/limit", gzip=lambda _: gzip(bytes(LIMIT + 1)))
    yield defect(
        "gzip/bomb-in-a-member", "archive/limit",
        pack=lambda m: tar({**m, "changes.patch": bytes(LIMIT)}),
    )  # fmt: skip


def _digests() -> Iterator[Defect]:
    def other(made: Made) -> Made:
        return Made(
            make(Plan(key="builder-p256", edits={b"old.txt": None})).artifact, made.signature
        )

    def repacked(made: Made) -> Made:
        return Made(made.artifact[:-8] + made.artifact[-8:] + b"\0", made.signature)

    yield defect("archive/another-bundles-archive", "archive/digest", deliver=other)
    yield defect("archive/a-byte-more", "archive/digest", deliver=repacked)
    yield defect(
        "archive/bomb-that-nobody-signed", "archive/digest",
        note="refused before anything is inflated",
        deliver=lambda m: Made(gzip(bytes(LIMIT + 1)), m.signature),
    )  # fmt: skip
    yield defect("envelope/missing", "envelope/missing", file=lambda _: MISSING)


def _packed(name: str, rules: str, pack: Any) -> Defect:
    return defect(name, rules, pack=pack)


def _before(extra: bytes, members: Members) -> bytes:
    body = extra + b"".join(member(n, d) for n, d in members.items())
    return body + end(len(body))


def _first(members: Members, count: int) -> list[tuple[str, bytes]]:
    return list(members.items())[:count]


def _from(members: Members, start: int) -> list[tuple[str, bytes]]:
    return list(members.items())[start:]


def _flagged(flag: int, extra: bytes, data: bytes) -> bytes:
    return archive.GZIP[:3] + bytes([flag]) + archive.GZIP[4:] + extra + gzip(data)[10:]
