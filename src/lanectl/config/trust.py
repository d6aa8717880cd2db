"""The section `[trust]` of `lanectl.toml`. Refuses what would trust more than it seems to."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from lanectl.config.identity import (
    identity_problem,
    issuer_problem,
    pattern_problem,
    text_problem,
)
from lanectl.formats import keyring
from lanectl.formats.statement import parse_time
from lanectl.model.signer import Method
from lanectl.model.trust import Role
from lanectl.model.trust_policy import (
    SKEW,
    VALIDITY,
    GpgKey,
    KeylessIdentity,
    Span,
    TrustPolicy,
    Workload,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lanectl.config.table import Table

CLAIMS: Final = frozenset({
    "build_config_digest", "build_config_uri", "build_signer_digest", "build_signer_uri",
    "build_trigger", "deployment_environment", "run_invocation_uri", "runner_environment",
    "source_repository_digest", "source_repository_identifier", "source_repository_owner_identifier",
    "source_repository_owner_uri", "source_repository_ref", "source_repository_uri",
    "source_repository_visibility_at_signing",
})  # fmt: skip
"""What a certificate says of the run: Fulcio's extensions 1.3.6.1.4.1.57264.1.9 to .23, in words."""

_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)
_SPIFFE: Final = re.compile(
    r"spiffe://[a-z0-9_-][a-z0-9._-]{0,254}(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)+", re.ASCII
)
_SPIFFE_LONGEST: Final = 2048


def parse_trust(table: Table) -> TrustPolicy:
    """Return what `[trust]` says. Raises UnreadableError with the place and the reason."""
    days = table.number("validity_days", VALIDITY // _DAY, 1, VALIDITY // _DAY)
    minutes = table.number("skew_minutes", SKEW // _MINUTE, 0, 60)
    for role in Role:
        if role is not Role.BUILDER and role in table.values:
            raise table.bad(role, "cannot be set: this role signs with keys of the keyring")
    builder = table.section(Role.BUILDER)
    accept = _accept(builder) if "accept" in builder.values else None
    policy = TrustPolicy(
        accept={} if accept is None else {Role.BUILDER: accept},
        keyless=tuple(_keyless(t) for t in builder.sections("keyless")),
        spiffe=tuple(_spiffe(t) for t in builder.sections("spiffe")),
        gpg=tuple(_gpg(t) for t in builder.sections("gpg")),
        validity=days * _DAY,
        skew=minutes * _MINUTE,
    )
    _refuse_twice(builder, policy)
    builder.end()
    table.end()
    return policy


def _accept(table: Table) -> tuple[Method, ...]:
    """Return the methods, the strongest first: their order in the file says nothing."""
    names = table.texts("accept", ())
    if unknown := sorted(set(names) - set(Method)):
        raise table.bad(
            "accept", f"names {unknown[0]!r}, which is none of {', '.join(sorted(Method))}"
        )
    if not names or len(set(names)) != len(names):
        raise table.bad("accept", "must name at least one method, and each once")
    return tuple(sorted((Method(name) for name in names), key=lambda m: m.rank))


def _keyless(table: Table) -> KeylessIdentity:
    name, email, span = _person(table)
    issuer, exact, pattern = (
        table.text("issuer"),
        table.text("identity", ""),
        table.text("pattern", ""),
    )
    if problem := issuer_problem(issuer):
        raise table.bad("issuer", problem)
    if bool(exact) is bool(pattern):
        raise table.bad("identity", "must be there, or `pattern` in its place, and not both")
    key, problem = (
        ("identity", identity_problem(issuer, exact))
        if exact
        else ("pattern", pattern_problem(issuer, pattern))
    )
    if problem:
        raise table.bad(key, problem)
    entry = KeylessIdentity(
        Role.BUILDER, name, email, issuer, exact or pattern, is_pattern=not exact,
        claims=_claims(table.section("claims")), is_hosted=table.flag("hosted", default=False),
        span=span,
    )  # fmt: skip
    table.end()
    return entry


def _claims(table: Table) -> dict[str, str]:
    claims = {}
    for name in sorted(table.values):
        if name not in CLAIMS:
            raise table.bad(name, "is nothing that a certificate says: see docs/trust.md")
        claims[name] = table.text(name)
        if problem := text_problem(claims[name]):
            raise table.bad(name, problem)
    return claims


def _spiffe(table: Table) -> Workload:
    name, email, span = _person(table)
    identifier = table.text("id")
    if not _SPIFFE.fullmatch(identifier) or len(identifier) > _SPIFFE_LONGEST:
        raise table.bad("id", "must be a SPIFFE id, spiffe://DOMAIN/PATH, exactly")
    table.end()
    return Workload(Role.BUILDER, name, email, identifier, span)


def _gpg(table: Table) -> GpgKey:
    name, email, span = _person(table)
    fingerprint = table.text("fingerprint")
    if not re.fullmatch(r"[0-9A-Fa-f]{40}", fingerprint, re.ASCII):
        raise table.bad("fingerprint", "must be the primary key's whole fingerprint, 40 hex digits")
    table.end()
    return GpgKey(Role.BUILDER, name, email, fingerprint.upper(), span)


def _person(table: Table) -> tuple[str, str, Span]:
    name, email = table.text("name"), table.text("email")
    if problem := keyring.identity_problem(name, email):
        raise table.bad("name", f"and email must have {problem}")
    span = Span(_time(table, "not_before"), _time(table, "not_after"))
    if span.not_before and span.not_after and span.not_before >= span.not_after:
        raise table.bad("not_after", "must be later than not_before")
    return name, email, span


def _time(table: Table, key: str) -> datetime | None:
    text = table.text(key, "")
    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise table.bad(key, str(error)) from error


def _refuse_twice(table: Table, policy: TrustPolicy) -> None:
    named: dict[str, Sequence[object]] = {
        "keyless": [(e.issuer, e.identity) for e in policy.keyless],
        "spiffe": [e.id for e in policy.spiffe],
        "gpg": [e.fingerprint for e in policy.gpg],
    }
    for key, names in named.items():
        if len(set(names)) != len(names):
            raise table.bad(key, "names one identity twice: one of them would be ignored")
