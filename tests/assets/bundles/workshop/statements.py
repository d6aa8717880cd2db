"""Defects of the two statements, of what they say together, and of when and where for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.bundle import NOW, OTHER_COMMIT, Plan, Step
from tests.assets.bundles.workshop.defect import Defect, defect
from tests.assets.bundles.workshop.steps import at, drop, each, paths, put, replace

_BAD, _FORM, _TYPE = "statement/malformed", "statement/not-canonical", "statement/type"
_SUBJECTS, _TEXT = "members/subjects", "statement/text"
_PREDICATE = "predicate"
_PARAMETERS = "predicate.invocation.parameters"
_ENVIRONMENT = "predicate.invocation.environment"
_DIGEST = "subject.0.digest"


def defects() -> Iterator[Defect]:
    yield from _every_field()
    yield from _values()
    yield from _encodings()
    yield from _inner()
    yield from _subjects()
    yield from _provenance()
    yield from _texts()
    yield from _times()
    yield from _places()


def good_outer() -> dict[str, Any]:
    """Return the signed statement of the good bundle."""
    found: list[Any] = []
    bundle.make(Plan(outer=found.append))
    return json.loads(json.dumps(found[0]))  # type: ignore[no-any-return]


def _every_field() -> Iterator[Defect]:
    """Yield each field of the signed statement missing and of another type, and one too many."""
    outer = good_outer()
    other = {"_type": _TYPE, "predicateType": _TYPE}
    for path in paths(outer):
        if path.split(".")[-1].isdigit() or path.startswith(
            ("subject.1", "subject.2", "subject.3", "subject.4", "subject.5")
        ):
            continue
        slug = path.replace(".", "-").replace("_", "-").strip("-").lower()
        missing = "provenance/circumstances" if path == _ENVIRONMENT else _BAD
        yield defect(f"statement/missing-{slug}", missing, outer=drop(path))
        value = at(outer, path)
        wrong = (
            {} if isinstance(value, str | list) else [value] if isinstance(value, dict) else "true"
        )
        yield defect(f"statement/wrong-type-{slug}", other.get(path, _BAD), outer=put(path, wrong))
    for path in ["", *(p for p in paths(outer) if isinstance(at(outer, p), dict))]:
        if not path.startswith(("subject.1", "subject.2", "subject.3", "subject.4", "subject.5")):
            slug = path.replace(".", "-") or "top"
            place = f"{path}.extra" if path else "extra"
            yield defect(f"statement/unknown-in-{slug}", _BAD, outer=put(place, "x"))


def _values() -> Iterator[Defect]:
    commit = "predicate.materials.0.digest"
    steps: dict[str, Step] = {
        "digest-sha1": put(_DIGEST, {"sha1": "0" * 40}),
        "digest-sha1-too": put(f"{_DIGEST}.sha1", "0" * 40),
        "digest-empty": put(f"{_DIGEST}.sha256", ""),
        "digest-none": put(_DIGEST, {}),
        "digest-upper-case": put(f"{_DIGEST}.sha256", str.upper),
        "digest-short": put(f"{_DIGEST}.sha256", lambda d: d[:40]),
        "digest-long": put(f"{_DIGEST}.sha256", lambda d: d + "00"),
        "digest-with-newline": put(f"{_DIGEST}.sha256", lambda d: d + "\n"),
        "digest-wide-digits": put(f"{_DIGEST}.sha256", "\uff10" * 64),
        "digest-prefixed": put(f"{_DIGEST}.sha256", lambda d: f"sha256:{d}"),
        "subject-none": put("subject", []),
        "subject-twice": put("subject", lambda s: [*s, s[0]]),
        "subject-with-empty-name": put("subject.0.name", ""),
        "base-short": each(put("predicate.invocation.configSource.digest.gitCommit", "1" * 12), put(f"{commit}.gitCommit", "1" * 12)),
        "base-an-option": each(put("predicate.invocation.configSource.digest.gitCommit", "--all"), put(f"{commit}.gitCommit", "--all")),
        "base-not-the-material": put("predicate.invocation.configSource.digest.gitCommit", OTHER_COMMIT),
        "material-is-another-repository": put("predicate.materials.0.uri", "git+https://example.test/a/b"),
        "material-sha256-base": each(put("predicate.invocation.configSource.digest", {"sha256": "0" * 64}), put(commit, {"sha256": "0" * 64})),
        "material-two-digests": put(f"{commit}.sha256", "0" * 64),
        "materials-none": put("predicate.materials", []),
        "repository-ssh": _everywhere("git+ssh://example.test/acme/shop"),
        "repository-without-scheme": _everywhere("example.test/acme/shop"),
        "repository-with-user": _everywhere("git+https://user@example.test/acme/shop"),
        "repository-empty": _everywhere(""),
        "result-tree-short": put(f"{_PARAMETERS}.result_tree", "abc"),
        "result-tree-64": put(f"{_PARAMETERS}.result_tree", "0" * 64),
        "result-tree-upper-case": put(f"{_PARAMETERS}.result_tree", str.upper),
        "object-format-md5": put(f"{_PARAMETERS}.object_format", "md5"),
        "lane-other-than-the-builders": put(f"{_PARAMETERS}.lane", "claude"),
        "lane-unknown": each(put(f"{_PARAMETERS}.lane", "root"), put("predicate.builder.id", "urn:lanectl:lane:root")),
        "lane-of-the-enforcer": each(put(f"{_PARAMETERS}.lane", "claude"), put("predicate.builder.id", "urn:lanectl:lane:claude")),
        "builder-is-another": put("predicate.builder.id", "urn:lanectl:lane:claude"),
        "build-type-other": put("predicate.buildType", "urn:lanectl:pack:v2"),
        "entry-point-other": put("predicate.invocation.configSource.entryPoint", "sh"),
        "format-version-2": put(f"{_PARAMETERS}.format_version", "2"),
        "not-reproducible": put("predicate.metadata.reproducible", value=False),
        "slug-with-option": put(f"{_PARAMETERS}.slug", "--force"),
        "slug-with-path": put(f"{_PARAMETERS}.slug", "../../heads/main"),
        "slug-with-reflog": put(f"{_PARAMETERS}.slug", "@{-1}"),
        "slug-with-newline": put(f"{_PARAMETERS}.slug", "fix-login\n"),
        "slug-empty": put(f"{_PARAMETERS}.slug", ""),
        "slug-long": put(f"{_PARAMETERS}.slug", "a" * 64),
        "rollback-absolute": put(f"{_PARAMETERS}.rollback", ["/etc/passwd"]),
        "rollback-outside": put(f"{_PARAMETERS}.rollback", ["../x.sql"]),
        "rollback-folder": put(f"{_PARAMETERS}.rollback", ["supabase/"]),
        "rollback-with-nul": put(f"{_PARAMETERS}.rollback", ["x\0y"]),
        "rollback-number": put(f"{_PARAMETERS}.rollback", [1]),
        "rollback-twice": put(f"{_PARAMETERS}.rollback", ["a.sql", "a.sql"]),
        "rollback-many": put(f"{_PARAMETERS}.rollback", [f"{n}" for n in range(1001)]),
        "number": put(f"{_ENVIRONMENT}.attempt", 1),
        "attempt-zero": put(f"{_ENVIRONMENT}.attempt", "0"),
        "attempt-signed": put(f"{_ENVIRONMENT}.attempt", "+1"),
        "nonce-short": put(f"{_ENVIRONMENT}.nonce", "abc"),
        "time-without-zone": put(f"{_ENVIRONMENT}.issued", lambda t: t[:-1]),
        "time-with-offset": put(f"{_ENVIRONMENT}.issued", lambda t: t[:-1] + "+00:00"),
        "time-with-fraction": put(f"{_ENVIRONMENT}.issued", lambda t: t[:-1] + ".5Z"),
        "time-no-such-day": put(f"{_ENVIRONMENT}.issued", "2026-02-30T00:00:00Z"),
        "time-leap-second": put(f"{_ENVIRONMENT}.issued", "2016-12-31T23:59:60Z"),
        "time-year-zero": put(f"{_ENVIRONMENT}.issued", "0000-01-01T00:00:00Z"),
        "supersedes-prefixed": put(f"{_ENVIRONMENT}.supersedes", "sha256:" + "0" * 64),
        "traceparent-other": put(f"{_ENVIRONMENT}.traceparent", "hello"),
        "environment-null": put(_ENVIRONMENT, None),
        "slsa-v1-fields": put(_PREDICATE, {"buildDefinition": {}, "runDetails": {}}),
        "slsa-v1-fields-too": put(f"{_PREDICATE}.runDetails", {}),
        "predicate-null": put(_PREDICATE, None),
    }  # fmt: skip
    for what, step in steps.items():
        yield defect(f"statement/{what}", _BAD, outer=step)
    for what, path, value in (
        ("statement-v0-1", "_type", "https://in-toto.io/Statement/v0.1"),
        ("statement-type-with-slash", "_type", "https://in-toto.io/Statement/v1/"),
        ("slsa-v1", "predicateType", "https://slsa.dev/provenance/v1"),
        ("predicate-type-upper-case", "predicateType", "HTTPS://SLSA.DEV/PROVENANCE/V0.2"),
        ("sbom-as-predicate", "predicateType", "https://cyclonedx.org/bom"),
    ):
        yield defect(f"statement/{what}", _TYPE, outer=put(path, value))


def _encodings() -> Iterator[Defect]:
    malformed: dict[str, Step] = {
        "not-json": lambda _: b"hello",
        "empty-object": lambda _: b"{}",
        "null": lambda _: b"null",
        "duplicate-key": replace(b'"title":', b'"title":"x","title":'),
        "byte-order-mark": lambda d: b"\xef\xbb\xbf" + d,
        "utf-16": lambda d: d.decode().encode("utf-16"),
        "trailing-data": lambda d: d + b"{}",
        "lone-surrogate": replace(b"Because.", b"\\ud800"),
        "not-utf-8": replace(b"Because.", b"\xff"),
        "not-a-number": replace(b'"Because."', b"NaN"),
        "number-for-text": replace(b'"Because."', b"1"),
        "number-for-boolean": replace(b'"reproducible":true', b'"reproducible":1'),
        "null-for-text": replace(b'"Because."', b"null"),
        "deep-nesting": replace(b'"Because."', b"[" * 3000 + b"]" * 3000),
        "nested-a-little-too-deep": replace(b'"Because."', b"[" * 70 + b"]" * 70),
    }
    other: dict[str, Step] = {
        "trailing-newline": lambda d: d + b"\n",
        "indented": lambda d: json.dumps(json.loads(d), indent=1, sort_keys=True).encode(),
        "keys-in-other-order": lambda d: json.dumps(
            dict(reversed(json.loads(d).items())), separators=(",", ":")
        ).encode(),
        "escaped-letter": replace(b"Because.", b"\\u0042ecause."),
        "escaped-slash": replace(b"https://in-toto", b"https:\\/\\/in-toto"),
        "white-space": replace(b'"_type":', b'"_type": '),
    }
    for step_of, rule in ((malformed, _BAD), (other, _FORM)):
        for what, step in step_of.items():
            yield defect(f"statement/{what}", rule, payload=step)
            if what in {"duplicate-key", "deep-nesting", "trailing-newline", "escaped-letter"}:
                yield defect(f"statement/inner-{what}", rule, attestation=step)


def _inner() -> Iterator[Defect]:
    """Yield some of the same in the unsigned statement inside."""
    for what, step in {
        "unknown-field": put("extra", "x"),
        "digest-none": put(_DIGEST, {}),
        "digest-sha1": put(_DIGEST, {"sha1": "0" * 40}),
        "missing-slug": drop(f"{_PARAMETERS}.slug"),
        "subject-twice": put("subject", lambda s: [*s, s[0]]),
    }.items():
        yield defect(f"statement/inner-{what}", _BAD, inner=step)
    yield defect(
        "statement/inner-slsa-v1",
        _TYPE,
        inner=put("predicateType", "https://slsa.dev/provenance/v1"),
    )
    yield defect("statement/inner-empty", _BAD, attestation=lambda _: b"")


def _subjects() -> Iterator[Defect]:
    def named(name: str) -> Any:
        return {"name": name, "digest": {"sha256": "0" * 64}}

    def without(name: str) -> Step:
        return put("subject", lambda s: [e for e in s if e["name"] != name])

    def swapped(statement: Any) -> None:
        one, two = statement["subject"][-2:]
        one["digest"], two["digest"] = two["digest"], one["digest"]

    def with_the_artifact(statement: Any) -> None:
        statement["subject"].append(named("artifact.tar.gz"))

    def zeroed(name: str) -> Step:
        return put("subject", lambda s: [named(name) if e["name"] == name else e for e in s])

    for side in ("outer", "inner"):
        steps = {
            "missing": without("changes.patch"),
            "extra": put("subject", lambda s: [*s, named("install.sh")]),
            "extra-hostile-name": put("subject", lambda s: [*s, named("\u001b[31m../x\u202e")]),
            "swapped": swapped,
            "other-digest": zeroed("changes.patch"),
            "case-variant": put("subject.0.name", str.upper),
        }
        for what, step in steps.items():
            yield defect(f"members/{side}-{what}", _SUBJECTS, **{side: step})
    yield defect("members/inner-names-the-archive", _SUBJECTS, inner=with_the_artifact)
    yield defect(
        "members/inner-names-itself", _SUBJECTS,
        inner=put("subject", lambda s: [*s, named("attestation.intoto")]),
    )  # fmt: skip
    yield defect("members/outer-without-tar", _SUBJECTS, outer=without("artifact.tar"))
    yield defect("members/outer-other-tar", _SUBJECTS, outer=zeroed("artifact.tar"))
    yield defect(
        "members/outer-without-attestation", _SUBJECTS, outer=without("attestation.intoto")
    )
    yield defect(
        "members/outer-without-archive", "archive/digest", outer=without("artifact.tar.gz")
    )
    yield defect("members/outer-other-archive", "archive/digest", outer=zeroed("artifact.tar.gz"))


def _provenance() -> Iterator[Defect]:
    agreement, base = "provenance/agreement", "provenance/base"
    for what, step in {
        "title": put(f"{_PARAMETERS}.title", "Another title"),
        "result-tree": put(f"{_PARAMETERS}.result_tree", OTHER_COMMIT),
        "slug": put(f"{_PARAMETERS}.slug", "other"),
        "completeness": put("predicate.metadata.completeness.materials", value=True),
        "lockfiles": drop("predicate.materials.1"),
    }.items():
        yield defect(f"provenance/inner-other-{what}", agreement, inner=step)
    yield defect("provenance/outer-other-title", agreement, outer=put(f"{_PARAMETERS}.title", "X"))
    for what, text in {
        "a-name": b"HEAD\n", "an-option": b"--upload-pack=x\n", "another-commit": b"1" * 40 + b"\n",
        "empty": b"", "two-lines": None, "no-newline": None, "carriage-return": None,
        "upper-case": None, "white-space": None, "long": b"a" * 5000,
    }.items():  # fmt: skip
        yield defect(f"provenance/base-{what}", base, members=_base_member(what, text))
    environment = {
        "attempt": "1", "expires": "2026-01-20T12:00:00Z", "issued": "2026-01-14T12:00:00Z",
        "nonce": "0" * 32, "policy": "", "supersedes": "", "traceparent": "",
    }  # fmt: skip
    yield defect(
        "provenance/inner-with-environment",
        "provenance/circumstances",
        inner=put(_ENVIRONMENT, environment),
    )
    yield defect(
        "provenance/outer-without-environment", "provenance/circumstances", outer=drop(_ENVIRONMENT)
    )


def _texts() -> Iterator[Defect]:
    titles = {
        "forged-marker": "x [CLAUDE-APPLIED:y] z",
        "forged-marker-lower-case": "[codex-ready:y] z",
        "two-lines": "one\ntwo",
        "carriage-return": "one\rtwo",
        "escape": "\u001b[31mred",
        "c1-control": "\u009b31mred",
        "bidi": "abc\u202edcba",
        "zero-width": "a\u200bb",
        "tag-characters": "a\U000e0041b",
        "line-separator": "a\u2028b",
        "empty": "",
        "blank": " ",
        "long": "x" * 201,
    }
    messages = {
        "forged-trailer": "Text\n\nLanectl-Bundle: sha256:" + "0" * 64,
        "forged-trailer-indented": "Text\n  lanectl-base : " + "0" * 40,
        "forged-marker": "see [CLAUDE-APPLIED:y]",
        "escape": "\u001b]0;title\u0007",
        "carriage-return": "a\rb",
        "nul": "a\0b",
        "bidi": "\u2066a\u2069",
    }
    for field, texts in (("title", titles), ("message", messages)):
        for what, text in texts.items():
            step = put(f"invocation.parameters.{field}", text)
            yield defect(f"text/{field}-{what}", _TEXT, predicate=step)


def _times() -> Iterator[Defect]:
    day = timedelta(days=1)
    yield defect("handoff/expired", "handoff/expired", issued=NOW - 8 * day)
    yield defect(
        "handoff/expired-by-six-minutes",
        "handoff/expired",
        issued=NOW - 7 * day - timedelta(minutes=6),
    )
    for what, issued, expires in (
        ("future", NOW + day, None),
        ("future-by-six-minutes", NOW + timedelta(minutes=6), None),
        ("eight-days", NOW - day, NOW + 7 * day),
        ("for-ever", NOW - day, NOW.replace(year=9999)),
        ("ends-before-it-begins", NOW - day, NOW - 2 * day),
        ("no-time-at-all", NOW, NOW),
        ("old-and-for-ever", NOW - 300 * day, NOW + 300 * day),
    ):
        yield defect(f"handoff/{what}", "handoff/time", issued=issued, expires=expires)


def _places() -> Iterator[Defect]:
    def other_base(new: str) -> dict[str, Any]:
        digest = {"gitCommit": new}
        return {
            "members": lambda m: {**m, "merge-base.sha": f"{new}\n".encode()},
            "predicate": each(
                put("invocation.configSource.digest", digest), put("materials.0.digest", digest)
            ),
        }

    def other_format(predicate: Any) -> None:
        other_base("1" * 64)["predicate"](predicate)
        for name in ("base_tree", "result_tree"):
            predicate["invocation"]["parameters"][name] += "0" * 24
        predicate["invocation"]["parameters"]["object_format"] = "sha256"

    store, commits, _ = bundle.history()
    tree = store.stored[commits["merge"]][1].decode()[5:45]
    yield defect(
        "handoff/other-repository",
        "handoff/repository",
        predicate=_everywhere("git+https://example.test/acme/other", ""),
    )
    yield defect(
        "handoff/other-object-format", "handoff/object-format",
        predicate=other_format, members=other_base("1" * 64)["members"],
    )  # fmt: skip
    yield defect("handoff/base-unknown", "handoff/base-unknown", **other_base(OTHER_COMMIT))
    yield defect("handoff/base-null", "handoff/base-unknown", **other_base("0" * 40))
    yield defect("handoff/base-a-tree", "handoff/base-unknown", **other_base(tree))
    yield defect("handoff/base-on-a-merged-branch", "handoff/base-line", base="side")
    yield defect("handoff/base-not-an-ancestor", "handoff/base-line", base="elsewhere")


def _base_member(what: str, text: bytes | None) -> Step:
    forms = {
        "two-lines": lambda b: b + b, "no-newline": bytes.strip, "white-space": lambda b: b" " + b,
        "carriage-return": lambda b: b.replace(b"\n", b"\r\n"), "upper-case": bytes.upper,
    }  # fmt: skip

    def step(members: Any) -> None:
        old = members["merge-base.sha"]
        members["merge-base.sha"] = text if text is not None else forms[what](old)

    return step


def _everywhere(uri: str, above: str = "predicate.") -> Step:
    """Name another repository in both places."""
    return each(
        put(f"{above}invocation.configSource.uri", uri), put(f"{above}materials.0.uri", uri)
    )
