"""Which identities an issuer can give, and which of them a policy may name. Asks nobody.

What well-known issuers put into a certificate: Fulcio's docs/oidc.md and its configuration.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from lanectl.config.pattern import Literals, PatternError, read_pattern
from lanectl.model.address import Address


class Shape(Struct, frozen=True):
    """What an issuer's identities look like.

    `exact` is a whole identity; `prefix` and `piece` are what a pattern must hold, literally.
    """

    exact: str
    shown: str
    prefix: str = ""
    piece: str = ""


_NAME: Final = r"[A-Za-z0-9_.-]+"
_MAIL: Final = Shape(r"[^\s@/<>]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "an email address")
_URI: Final = Shape(
    r"https://[A-Za-z0-9.:-]+/[^\s]+|spiffe://[a-z0-9._-]+/[^\s]+",
    "an https or spiffe URI",
    r"https://[A-Za-z0-9.:-]+/[^/]+/",
)

ISSUERS: Final = {
    "https://token.actions.githubusercontent.com": Shape(
        rf"https://github\.com/{_NAME}/{_NAME}/\.github/workflows/[^/@]+\.ya?ml@[^\s@]+",
        "https://github.com/OWNER/REPO/.github/workflows/FILE.yml@REF",
        rf"https://github\.com/{_NAME}/",
        "/.github/workflows/",
    ),
    "https://gitlab.com": Shape(
        rf"https://gitlab\.com/{_NAME}(?:/{_NAME})+//[^\s@]+@[^\s@]+",
        "https://gitlab.com/GROUP/PROJECT//.gitlab-ci.yml@REF",
        rf"https://gitlab\.com/{_NAME}/",
        "//",
    ),
    "https://agent.buildkite.com": Shape(
        rf"https://buildkite\.com/{_NAME}/{_NAME}",
        "https://buildkite.com/ORGANIZATION/PIPELINE",
        rf"https://buildkite\.com/{_NAME}/",
    ),
    "https://accounts.google.com": _MAIL,
    "https://github.com/login/oauth": _MAIL,
    "https://login.microsoftonline.com": _MAIL,
    "https://oauth2.sigstore.dev/auth": _MAIL,
}
"""Only those whose form Fulcio documents; another https issuer may give any URI or address."""

_SUFFIX: Final = re.compile(r".*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", re.ASCII)
_HOST: Final = re.compile(r"[a-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9a-f:]+\](?::[0-9]{1,5})?", re.ASCII)


def issuer_problem(issuer: str) -> str:
    """Return why this is no issuer, or an empty string."""
    if problem := text_problem(issuer):
        return problem
    try:
        address = Address.parse(issuer)
    except ValueError:
        return "is not an https address"
    if not address.may_carry_token or not _HOST.fullmatch(address.host):
        return "must be https, or http on this machine"
    if address.url != issuer or any(c in issuer for c in "?#*@"):
        return "must be a plain address, without user, query or pattern"
    return "must not end with /: issuers are compared as they are" if issuer.endswith("/") else ""


def text_problem(text: str) -> str:
    """Return why a certificate's text could not be compared safely with this one."""
    if not text:
        return "is empty"
    if not text.isascii() or not text.isprintable() or " " in text:
        return "must be printable ASCII without blanks"
    return ""


def identity_problem(issuer: str, identity: str) -> str:
    """Return why the issuer cannot give exactly this identity, or an empty string."""
    if problem := text_problem(identity):
        return problem
    if "*" in identity:
        return "is compared as it is, and holds a *: write `pattern` for an anchored expression"
    shapes = (ISSUERS[issuer],) if issuer in ISSUERS else (_URI, _MAIL)
    if any(re.fullmatch(shape.exact, identity, re.ASCII) for shape in shapes):
        return ""
    return f"is nothing that {issuer} issues: expected {' or '.join(s.shown for s in shapes)}"


def pattern_problem(issuer: str, pattern: str) -> str:
    """Return why a pattern may not name identities of this issuer, or an empty string."""
    if problem := text_problem(pattern):
        return problem
    is_mail = ISSUERS[issuer] is _MAIL if issuer in ISSUERS else "://" not in pattern
    shape = _MAIL if is_mail else ISSUERS.get(issuer, _URI)
    try:
        literals = read_pattern(pattern, "@" if is_mail else "/")
    except PatternError as error:
        return str(error)
    return _mail_problem(literals) if is_mail else _uri_problem(literals, shape, issuer)


def _mail_problem(literals: Literals) -> str:
    if _SUFFIX.fullmatch(literals.suffix):
        return ""
    return "must end with a literal domain, such as @acme\\.example$"


def _uri_problem(literals: Literals, shape: Shape, issuer: str) -> str:
    if not re.match(shape.prefix, literals.prefix, re.ASCII):
        return f"must begin with a literal host and owner, as {issuer} issues them: {shape.shown}"
    if shape.piece and not any(
        shape.piece in piece.removeprefix("https://") for piece in literals.pieces
    ):
        return f"is nothing that {issuer} issues: expected {shape.shown}"
    return ""
