"""The trust policy in words: who may do what, what is not enough, what ends soon. Decides nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.model.display import display
from lanectl.model.expiry import SOON, expiring
from lanectl.model.gpg import expiring as expiring_gpg
from lanectl.model.root import ROOT_PATH
from lanectl.model.settings import RULES_PATH
from lanectl.model.signer import Method
from lanectl.model.trust import Role
from lanectl.model.trust_policy import TRUST_FOLDER, GpgKey, KeylessIdentity, Workload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lanectl.model.evidence import Trust
    from lanectl.model.root import Root
    from lanectl.model.trust import Key
    from lanectl.model.trust_policy import Span
    from lanectl.ports.signing import GpgReader

_DAY: Final = "%Y-%m-%d"
_TASKS: Final = {
    Role.BUILDER: "sign bundles",
    Role.ENFORCER: "admit bundles, sign the ledger's head, and may freeze",
    Role.SUPERVISOR: "give verdicts, and may freeze",
    Role.LEAD: "approve, revoke keys, and lift a freeze",
}


class Entry(Struct, frozen=True):
    """Who may sign by one method; `id` is the key, identity or pattern, `detail` what else must hold."""

    method: Method
    role: Role
    name: str
    email: str
    id: str
    detail: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    is_accepted: bool = True
    is_revoked: bool = False


class Warned(Struct, frozen=True):
    """Something that ends soon, or has ended lately and was not taken out."""

    what: str
    ends: datetime
    has_ended: bool


def entries(trust: Trust) -> tuple[Entry, ...]:
    """Return everybody whom the tip names, by role, the strongest method first."""
    policy = trust.policy
    found = [
        *(_keyless(e) for e in policy.keyless), *(_workload(e) for e in policy.spiffe),
        *(_key(k) for k in trust.keyring.keys), *(_gpg(e) for e in policy.gpg),
    ]  # fmt: skip
    ordered = sorted(found, key=lambda e: (list(Role).index(e.role), e.method.rank))
    return tuple(_judged(e, policy.accepted(e.role)) for e in ordered)


def warnings(trust: Trust, now: datetime, gpg: GpgReader | None) -> tuple[Warned, ...]:
    """Return what ends soon, the first to end first; a key that was rotated is not among it.

    `gpg` reads the own dates of pinned GPG keys.
    """
    keys = {key.public.id for key in expiring(trust.keyring.keys, now)}
    found = [
        Warned(f"{e.method} of {e.name} ({e.role}), {e.id}", e.not_after, e.not_after <= now)
        for e in entries(trust)
        if e.not_after
        and (e.id in keys if e.method is Method.KEY else abs(e.not_after - now) < SOON)
    ]
    return tuple(sorted((*found, *ending_gpg(trust, now, gpg)), key=lambda w: w.ends))


def ending_gpg(trust: Trust, now: datetime, gpg: GpgReader | None) -> Iterator[Warned]:
    """Yield the pinned GPG keys that cannot sign any more soon, by their own dates."""
    pinned = {key.fingerprint: key for key in trust.policy.gpg}
    if gpg is None or not pinned:
        return
    files = {name: trust.material.at(key.path) for name, key in pinned.items()}
    for ending in expiring_gpg(gpg.list(files, now), now):
        key, at = pinned[ending.fingerprint], ending.at or now
        yield Warned(f"gpg of {key.name} ({key.role}), {key.fingerprint}", at, at <= now)


def explain(trust: Trust, now: datetime) -> tuple[str, ...]:
    """Return lines that say who may do what; safe to print."""
    source, policy = trust.source, trust.policy
    lines = [f"Trust comes from commit {source.tip} of {source.ref} of {source.repository}."]
    lines += _builders(trust, now)
    for role in (Role.ENFORCER, Role.SUPERVISOR, Role.LEAD):
        own = [e for e in entries(trust) if e.role is role]
        lines.append(f"{role.capitalize()}s {_TASKS[role]}, with these keys:" if own else
                     f"Nobody is {role}: nobody can {_TASKS[role]}.")  # fmt: skip
        lines += [f"  {_shown(e, now)}" for e in own]
    lines.append(
        f"A bundle is good for {policy.validity.days} days at most; "
        f"clocks may differ by {policy.skew // timedelta(minutes=1)} minutes."
    )
    lines.append(_root(trust.root))
    return tuple(display(line) for line in lines)


def _builders(trust: Trust, now: datetime) -> Iterator[str]:
    accepted = trust.policy.accepted(Role.BUILDER)
    own = [e for e in entries(trust) if e.role is Role.BUILDER]
    rest = [m for m in Method if m not in accepted]
    alone = f" {_or(rest)} alone is not enough." if rest else ""
    yield f"Builders' bundles count if they are signed by {_or(accepted)}.{alone}"
    for method in accepted:
        if not any(e.method is method for e in own):
            yield f"  Nobody is set up for {method}."
    yield from (f"  {_shown(e, now)}" for e in own if e.is_accepted)
    if weak := [e for e in own if not e.is_accepted]:
        yield "Set up, and not enough:"
        yield from (f"  {_shown(e, now)}" for e in weak)


def _root(root: Root | None) -> str:
    if root is None:
        return f"There is no {ROOT_PATH}: who may push to the target branch may change all of this."
    names = ", ".join(key.name for key in root.keys)
    return (
        f"{RULES_PATH} and {TRUST_FOLDER} change only with signatures of {root.threshold} "
        f"of these {len(root.keys)}: {names}."
    )


def _shown(entry: Entry, now: datetime) -> str:
    parts = [f"{entry.method}: {entry.name} <{entry.email}>, {entry.id}"]
    if entry.detail:
        parts.append(entry.detail)
    if entry.is_revoked:
        parts.append("revoked")
    elif entry.not_after and entry.not_after <= now:
        parts.append(f"ended {entry.not_after:{_DAY}}")
    else:
        if entry.not_before and now < entry.not_before:
            parts.append(f"from {entry.not_before:{_DAY}}")
        if entry.not_after:
            parts.append(f"until {entry.not_after:{_DAY}}")
    return "; ".join(parts)


def _or(methods: list[Method] | tuple[Method, ...]) -> str:
    return " or ".join(methods)


def _judged(entry: Entry, accepted: tuple[Method, ...]) -> Entry:
    from msgspec.structs import replace

    return replace(entry, is_accepted=entry.role is not Role.BUILDER or entry.method in accepted)


def _keyless(entry: KeylessIdentity) -> Entry:
    how = "any identity like" if entry.is_pattern else "exactly"
    claims = "".join(f", {name} = {value}" for name, value in sorted(entry.claims.items()))
    where = ", on a hosted platform" if entry.is_hosted else ""
    detail = f"as {entry.issuer} says{claims}{where}"
    return _entry(Method.KEYLESS, entry, f"{how} {entry.identity}", detail, entry.span)


def _workload(entry: Workload) -> Entry:
    return _entry(Method.SPIFFE, entry, entry.id, f"by {entry.path}", entry.span)


def _gpg(entry: GpgKey) -> Entry:
    return _entry(Method.GPG, entry, entry.fingerprint, "rotated every 30 days", entry.span)


def _entry(
    method: Method, entry: KeylessIdentity | Workload | GpgKey, name: str, detail: str, span: Span
) -> Entry:
    return Entry(
        method, entry.role, entry.name, entry.email, name, detail, span.not_before, span.not_after
    )


def _key(key: Key) -> Entry:
    return Entry(
        Method.KEY, key.role, key.name, key.email, str(key.public.id), "",
        key.not_before, key.not_after, is_revoked=key.revoked is not None,
    )  # fmt: skip
