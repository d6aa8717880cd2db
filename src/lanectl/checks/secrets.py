"""Secrets: no token, private key or password enters the history of a repository.

A finding names the kind, the place and the fingerprint, never the value. What stood in an old file
of the change already, at the same path or another, is not reported: it is there without the change.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.formats import secrets
from lanectl.model.change import Mode
from lanectl.model.decision import Decision, Kind, Subject
from lanectl.model.display import display_path
from lanectl.model.report import Fault, Rule
from lanectl.model.secret import Sort

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from lanectl.model.change import FileChange
    from lanectl.model.content import Content
    from lanectl.model.secret import Secret

_REVOKE = Remedy(
    "Revoke it where it was issued, take it out of the change and pack again. If it is none, let a "
    "person list its fingerprint in lanectl.toml on the target branch."
)

RULES = (
    Rule(
        "secrets/token",
        "A token, or a generated password, in a file, a name, a message or a member",
        "What is once in a repository's history is read by everyone who ever clones it.",
        _REVOKE,
        example="a file with a GitHub token: `ghp_` and 36 letters and digits",
    ),
    Rule(
        "secrets/private-key",
        "A private key",
        "Whoever reads it can sign or decrypt as its owner.",
        _REVOKE,
        example="a file `deploy.pem` that begins with `BEGIN OPENSSH PRIVATE KEY` and has a body",
    ),
    Rule(
        "secrets/test-key",
        "A private key in a file or folder of tests",
        "Tests bring keys of their own, and a real key looks just like them: a person has to look.",
        Remedy("Make the key while the test runs, or ask for an approval."),
        Decision.HOLD,
        "a file `tests/fixtures/server.key` with a private key",
    ),
    Rule(
        "secrets/password",
        "A password in an address",
        "It looks typed, so it may be a sample, or it may be somebody's.",
        Remedy("Read it from the environment, or write a placeholder: `USER:PASSWORD@`."),
        Decision.WARN,
        "`postgres://admin:` and a password and `@db.acme.io/shop`",
    ),
    Rule(
        "secrets/signed-token",
        "A JSON Web Token",
        "Many are samples or public; one that a service still accepts is a secret.",
        Remedy("Make it while the test runs, or make sure that nothing accepts it."),
        Decision.WARN,
        "three parts in base64, of which the first begins with `eyJ`",
    ),
    Rule(
        "secrets/browser-key",
        "A Google key where web pages carry theirs in the open",
        "It is public by its use, and harmless only if Google limits where it may be used from.",
        Remedy("Limit the key to your sites and apps in Google's console."),
        Decision.WARN,
        "`apiKey` in a Firebase configuration",
    ),
    Rule(
        "secrets/removed",
        "The change takes a secret out of a file",
        "It stays in the history of the repository, where everybody can read it.",
        Remedy("Revoke it where it was issued."),
        Decision.WARN,
        "a change that deletes a line with a token",
    ),
)

_RULE_OF = {
    Sort.TOKEN: "secrets/token",
    Sort.PRIVATE_KEY: "secrets/private-key",
    Sort.PASSWORD: "secrets/password",
    Sort.SIGNED: "secrets/signed-token",
    Sort.BROWSER_KEY: "secrets/browser-key",
}
_GRAVE = {Sort.TOKEN, Sort.PRIVATE_KEY}

_MOST = 20
"""Secrets that are reported of one file: more say nothing new."""

_TEST = re.compile(
    rb"[/_.-](?:tests?|testing|test-?data|fixtures?|specs?)(?=[/_.-]|$)"  # a folder, x_test.go
    rb"|testing(?=/)|/[^/]*[a-z0-9]Tests?\.[A-Za-z]+$"  # awstesting, LoginTest.java
)
"""What says that a path is of tests: a word of a folder's or a file's name."""


def check(content: Content) -> Iterator[Fault]:
    """Yield a fault for every new secret, and for removed ones.

    A path that holds a secret itself has a subject and a place in which the secret is masked.
    """
    old = _old(content)
    known = set(old)
    seen: set[str] = set()
    for file in content.files:
        data = _new(content, file)
        if file.new_mode != Mode.ABSENT and file.old_mode == Mode.ABSENT:
            shown = Subject(Kind.PATH, secrets.mask(file.path))
            yield from _faults(shown, secrets.scan(file.path), b"", known)
        if data is not None:
            found = secrets.scan(data)
            seen |= found.keys()
            yield from _faults(Subject(Kind.PATH, file.path), found, data, known)
    for subject, data in _said(content):
        yield from _faults(subject, secrets.scan(data), data, known)
    for fingerprint, (path, secret) in old.items():
        if fingerprint not in seen and secret.sort in _GRAVE:
            yield _fault("secrets/removed", Subject(Kind.PATH, path), secret, 0)


def _old(content: Content) -> dict[str, tuple[bytes, Secret]]:
    """Return by fingerprint what the changed paths were called and held, and the first such path."""
    held: dict[str, tuple[bytes, Secret]] = {}
    for file in content.files:
        if file.old_mode == Mode.ABSENT or (file.old_id == file.new_id and file.target is None):
            continue
        found = secrets.scan(file.path) | secrets.scan(content.old(file) or b"")
        for fingerprint, secret in found.items():
            held.setdefault(fingerprint, (file.path, secret))
    return held


def _new(content: Content, file: FileChange) -> bytes | None:
    """Return what a path newly holds: a file's bytes or a link's target."""
    if file.new_mode == Mode.ABSENT or file.target is not None:
        return file.target
    return content.new(file) if file.old_id != file.new_id else None


def _said(content: Content) -> Iterator[tuple[Subject, bytes]]:
    """Yield the members, and what the Builder calls its change."""
    for name, data in content.members.items():
        yield Subject(Kind.MEMBER, name.encode()), data
    if content.words is not None:
        for name in ("slug", "title", "message"):
            text: str = getattr(content.words, name)
            yield Subject(Kind.WORDS, name.encode()), text.encode("utf-8", "surrogatepass")


def _faults(
    subject: Subject, found: Mapping[str, Secret], data: bytes, known: Collection[str]
) -> Iterator[Fault]:
    """Yield a fault for each secret that is not known, the grave ones first."""
    new = [secret for fingerprint, secret in found.items() if fingerprint not in known]
    new.sort(key=lambda secret: secret.sort not in _GRAVE)
    for secret in new[:_MOST]:
        line = secrets.line_of(data, secret) if data and subject.kind is not Kind.WORDS else 0
        yield _fault(_rule(subject, secret), subject, secret, line)


def _rule(subject: Subject, secret: Secret) -> str:
    if secret.sort is Sort.PRIVATE_KEY and subject.kind is Kind.PATH and _is_test(subject.name):
        return "secrets/test-key"
    return _RULE_OF[secret.sort]


def _is_test(path: bytes) -> bool:
    return any(_TEST.search(b"/" + name) for name in (path, path.lower()))


def _fault(rule: str, subject: Subject, secret: Secret, line: int) -> Fault:
    return Fault(
        rule,
        display_path(secrets.mask(subject.name)),
        secret.kind,
        "no secret",
        subject=subject,
        line=line,
        fingerprint=secret.fingerprint,
    )
