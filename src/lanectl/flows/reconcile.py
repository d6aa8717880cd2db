"""Reconcile a restored ledger: what the Enforcer admitted stays consumed, the rest is named as lost.

Only what an Enforcer signed comes back, with its admission, so that single use holds and `apply`
goes on from there. Old events, verdicts and approvals are not invented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.errors import Remedy, UntrustedError, UsageError
from lanectl.flows.anchor import BadAnchorError, make_anchor, read_admission, read_good
from lanectl.flows.authority import give
from lanectl.flows.recorder import applied_id
from lanectl.flows.restored import find_restored, restorations_of
from lanectl.flows.verify_signature import examine
from lanectl.formats import archive, envelope, statement
from lanectl.formats.anchor import key_id
from lanectl.formats.statement import format_time
from lanectl.model.bundle import ADMISSION_SUFFIX, ARTIFACT, ATTESTATION, SIGNATURE_SUFFIX
from lanectl.model.handoff import BUNDLE_REFS, feature_branch
from lanectl.model.ledger import LEASE, Claim, EventKind, HandoffKey, NewEvent
from lanectl.model.report import Fault, MalformedError
from lanectl.model.submission import SUFFIXES
from lanectl.model.trust import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from lanectl.flows.authority import Registry
    from lanectl.model.admission import Admission
    from lanectl.model.anchor import Anchor, Lost
    from lanectl.model.bundle import Handoff
    from lanectl.model.evidence import Trust
    from lanectl.model.ledger import Event, LedgerId
    from lanectl.model.names import Digest
    from lanectl.model.trust import Keyring
    from lanectl.ports import ApplyingRepository, Signer
    from lanectl.ports.ledger import AnchorStore
    from lanectl.ports.publishing import Remote

_AT_ONCE: Final = 50
"""Bundles that are fetched together."""


class Sources(Struct, frozen=True):
    """Where admissions are: the pinned remote (None: no forge), the clone, the state folder."""

    remote: Remote | None
    repository: ApplyingRepository
    store: AnchorStore


class Reconciled(Struct, frozen=True):
    """What came back (handoff and admission), what did not and why, and the first event that is lost."""

    lost: Lost
    first: int
    recovered: tuple[tuple[HandoffKey, Admission], ...]
    skipped: tuple[tuple[str, str], ...]


class _Found(Struct, frozen=True):
    """A handoff that an Enforcer admitted: its bundle's own words, and who signed what."""

    admission: Admission
    file: bytes
    handoff: Handoff
    builder: str
    enforcer: Digest


def reconcile(
    registry: Registry,
    sources: Sources,
    *,
    lead: Signer,
    enforcer: Signer,
    reason: str,
    named: Sequence[bytes] = (),
) -> Reconciled:
    """Record again what was admitted, then a lead's word on the loss, then a new anchor.

    `named` are more signed heads, for a state folder that was lost, too. Run again after a crash it
    goes on. Raises UsageError if nothing is lost, UntrustedError without a lead's key or an
    Enforcer's, and what remote and ledger raise.
    """
    counted, now, ledger = registry.standing(), registry.system.now(), registry.ledger
    known = restorations_of(counted)
    good = _anchors(sources.store.anchors(), counted.keyring, registry)
    more = _anchors(named, counted.keyring, registry)
    newest = [*good[-1:], *sorted(more, key=lambda a: a.at, reverse=True)]
    losses = (find_restored(anchor, ledger, known) for anchor in newest)
    lost = next((loss for loss in losses if loss is not None), None)
    if lost is None:
        raise UsageError(
            "nothing is lost: the ledger is the one that this Enforcer signed last",
            remedies=(Remedy("Look closer.", ("lanectl", "ledger", "verify")),),
        )
    _require(lead, Role.LEAD, counted.keyring)
    _require(enforcer, Role.ENFORCER, counted.keyring)
    fork = _fork([*good, *more], lost, registry)
    ledgers = {ledger.id, *(anchor.ledger for anchor in (*good, *more))}
    recovered, skipped = _take_over(registry, sources, lead, counted.keyring, ledgers)
    give(
        registry, lead, EventKind.RESTORED, reason,
        {
            "lost_seq": str(lost.anchor.seq), "lost_hash": lost.anchor.hash,
            "restored_seq": str(fork[0]), "restored_hash": fork[1],
        },
    )  # fmt: skip
    sources.store.add_anchor(make_anchor(ledger.id, ledger.head(), now, enforcer))
    first = fork[0] + 1 if lost.anchor.ledger == ledger.id else 1
    return Reconciled(lost, first, tuple(recovered), tuple(skipped))


def _take_over(
    registry: Registry,
    sources: Sources,
    lead: Signer,
    keyring: Keyring,
    ledgers: AbstractSet[LedgerId],
) -> tuple[list[tuple[HandoffKey, Admission]], list[tuple[str, str]]]:
    """Record what was admitted; return what came back, and what was left out and why."""
    recovered, skipped = [], []
    for where, files in _bundles(sources, registry):
        try:
            found = _read(files, keyring, registry, ledgers)
        except (BadAnchorError, MalformedError) as error:
            skipped.append((where, str(error)))
            continue
        key = found.handoff.key
        row = registry.ledger.handoff(key)
        if row is None or not row.state.is_consumed:
            if problem := _consume(found, key, registry, lead):
                skipped.append((where, problem))
            else:
                recovered.append((key, found.admission))
    return recovered, skipped


def _anchors(lines: Sequence[bytes], keyring: Keyring, registry: Registry) -> list[Anchor]:
    good = []
    for line in lines:
        try:
            good.append(read_good(line, keyring, now=registry.system.now()))
        except BadAnchorError:
            continue
    return good


def _require(signer: Signer, role: Role, keyring: Keyring) -> None:
    """Refuse a key that may not do this, before anything is written."""
    key = keyring.by_id(signer.public.id)
    if key is None or key.role is not role or key.revoked is not None:
        raise UntrustedError(
            f"key {signer.public.id} is no {role.value}'s key of the target's tip",
            remedies=(Remedy(f"Name the private key of a {role.value} that is registered there."),),
        )


def _fork(good: Sequence[Anchor], lost: Lost, registry: Registry) -> tuple[int, Digest]:
    """Return the last event that is still what it was: the head of a ledger that is only behind."""
    ledger, head = registry.ledger, lost.head
    if lost.anchor.ledger != ledger.id:
        return head.seq, head.hash
    own = sorted(
        (a for a in good if a.ledger == ledger.id and a.seq <= head.seq), key=lambda a: a.seq
    )
    last = next(ledger.events())
    for anchor in own:
        event = next(ledger.events(after=anchor.seq - 1))
        if event.hash != anchor.hash:
            return last.seq, last.hash
        last = event
    return head.seq, head.hash


def _bundles(sources: Sources, registry: Registry) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """Yield every bundle that may have an admission, with its place: published, then kept here."""
    consumed = {row.bundle for row in registry.ledger.handoffs() if row.state.is_consumed}
    remote = sources.remote
    there = sorted(remote.below(BUNDLE_REFS)) if remote else ()
    wanted = [ref for ref in there if ref.removeprefix(BUNDLE_REFS) not in consumed]
    names = tuple(ARTIFACT + suffix for suffix in ("", *SUFFIXES, ADMISSION_SUFFIX))
    limit = registry.trust.operator.limits.inflated + (1 << 20)
    for start in range(0, len(wanted), _AT_ONCE):
        refs = wanted[start : start + _AT_ONCE]
        for ref, commit in (remote.fetch(refs) if remote else {}).items():
            tree = sources.repository.commit_tree(commit)
            if tree is not None:
                yield ref, sources.repository.objects.files_at(tree, names, limit=limit)
    for digest, admission in sources.store.admissions():
        kept = sources.store.kept(digest)
        if digest not in consumed and kept is not None:
            files = {"": kept.artifact, **kept.files, ADMISSION_SUFFIX: admission}
            yield f"kept bundle {digest}", {ARTIFACT + s: data for s, data in files.items()}


def _read(
    files: Mapping[str, bytes], keyring: Keyring, registry: Registry, ledgers: AbstractSet[LedgerId]
) -> _Found:
    """Return what was admitted by one of these ledgers. Raises BadAnchorError or MalformedError."""
    artifact = files.get(ARTIFACT, b"")
    data = files.get(ARTIFACT + ADMISSION_SUFFIX, b"")
    admission, enforcer = read_admission(data, keyring, now=registry.system.now())
    limits, repository = registry.trust.operator.limits, registry.trust.operator.repository
    bundle = archive.read(artifact, limit=limits.inflated)
    handoff = statement.read(bundle.members[ATTESTATION]).handoff
    if admission.ledger not in ledgers:
        raise BadAnchorError(
            f"it was admitted by the ledger {admission.ledger}, of which no signed head is known here"
        )
    if (admission.bundle, admission.result_tree, admission.repository) != (
        bundle.digest, handoff.result_tree, handoff.repository,
    ) or handoff.repository != repository:  # fmt: skip
        raise MalformedError(Fault("admission/mismatch", got="it speaks of another bundle"))
    builder = _builder(files.get(ARTIFACT + SIGNATURE_SUFFIX), registry.trust, admission.at)
    return _Found(admission, data, handoff, builder, enforcer)


def _builder(signature: bytes | None, trust: Trust, at: datetime) -> str:
    """Return what the ledger calls the bundle's signer; empty for one that nobody here can name."""
    if signature is None:
        return ""
    found = envelope.read_any(signature)
    signer = examine(found, trust, at).signer
    return signer.id if signer else key_id(found) if found.hint else ""


def _consume(found: _Found, key: HandoffKey, registry: Registry, lead: Signer) -> str:
    """Record that a handoff is queued and applied; return why not, or an empty string."""
    ledger, admission, handoff = registry.ledger, found.admission, found.handoff
    told = {"bundle": str(admission.bundle), "restored": format_time(admission.at)}
    actor, repository = f"key:sha256:{lead.public.id}", registry.trust.operator.repository

    def record(kind: EventKind, name: str, **data: str) -> Event:
        now = registry.system.now()
        return ledger.record(NewEvent(name, kind, now, actor, repository, key, told | data))

    record(
        EventKind.QUEUED, f"queued:{registry.system.nonce()}", slug=handoff.slug,
        base=handoff.base, result_tree=handoff.result_tree, signer=found.builder,
    )  # fmt: skip
    claim = ledger.claim(key, "lanectl reconcile", seconds=LEASE)
    if not isinstance(claim, Claim):
        return f"{claim.holder} is working on it until {format_time(claim.until)}"
    applied = record(
        EventKind.APPLIED, applied_id(key), claim=claim.token, commit=admission.commit,
        branch=feature_branch(handoff.slug), signer=found.builder, enforcer=found.enforcer,
        policy=admission.policy, admission=found.file.decode("utf-8"),
    )  # fmt: skip
    ledger.release(claim)
    if applied.event.kind is not EventKind.APPLIED or applied.event.handoff != key:
        return f"event {applied.seq} stands in its place, which nothing of lanectl writes there"
    return ""
