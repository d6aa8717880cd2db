"""Pack: from a change in the Builder's repository to a bundle in the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from lanectl import checks
from lanectl.errors import Remedy, UsageError
from lanectl.flows import words
from lanectl.flows.content import gather
from lanectl.flows.rules import read_rules
from lanectl.flows.sign import outer_statement, sign_bundle
from lanectl.formats import archive, envelope, rollback, sbom, statement
from lanectl.model import bundle as names
from lanectl.model.bundle import Circumstances, Handoff, Material, Statement
from lanectl.model.content import Words
from lanectl.model.decision import Decision
from lanectl.model.display import display
from lanectl.model.handoff import (
    READY,
    commit_message,
    staging_branch,
)
from lanectl.model.names import Digest, Lane, Slug
from lanectl.model.report import Fault, MalformedError, RejectedError
from lanectl.model.settings import RULES_PATH, Rules
from lanectl.model.trust_policy import VALIDITY
from lanectl.ports import ChangeRequest, Identity, NewCommit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lanectl.model.change import ChangeSet
    from lanectl.model.content import Content
    from lanectl.model.names import ObjectId
    from lanectl.model.report import Finding
    from lanectl.ports import BuilderRepository, Outbox, OutboxState, System
    from lanectl.ports.signing import StatementSigner

_FILE_LIMIT = 16 << 20
"""Bytes of a lockfile, rollback or configuration file that is read."""


class PackRequest(Struct, frozen=True):
    """What a person or an agent asks `pack` for; None means: find it."""

    change: ChangeRequest = field(default_factory=ChangeRequest)
    slug: str | None = None
    title: str | None = None
    message: str = ""
    rollback: str | None = None
    sbom: bytes | None = None
    repository: str | None = None
    supersedes: str | None = None
    commit: bool = False


class Packed(Struct, frozen=True):
    """What `pack` did; `signed_by` is None for an unsigned bundle."""

    path: str
    digest: Digest
    change: ChangeSet
    handoff: Handoff
    circumstances: Circumstances
    components: int
    gaps: tuple[str, ...]
    findings: tuple[Finding, ...]
    size: int
    signed_by: str | None
    commit: ObjectId | None


def pack(
    repository: BuilderRepository,
    outbox: Outbox,
    system: System,
    signer: StatementSigner | None,
    request: PackRequest,
) -> Packed:
    """Read the change, write the bundle, return both.

    Raises RejectedError with every finding that the Enforcer would find in the change, UsageError
    for words that cannot be.
    """
    slug = words.find_slug(repository, request.slug)
    change = _read(repository, request.change)
    rules, policy = _rules(repository, change)
    wanted, rollbacks = _rollbacks(repository, change, rules, request)
    given = _given(request, wanted, rollbacks)
    content = _content(repository, change, rules, slug, request, given=given)
    findings = checks.judge_change(change, content, wanted, rollbacks)
    if any(f.decision is Decision.BLOCK for f in findings):
        raise RejectedError("this change cannot be packed", findings)
    handoff, document = _describe(change, content, wanted)
    members = {
        names.MERGE_BASE: f"{change.base}\n".encode(),
        names.PATCH: change.patch,
        names.SBOM: document.document,
        **given,
    }
    artifact, inner = _write(members, handoff, document, request.change.limit)
    digest, bundle = artifact.bundle.digest, artifact.bundle
    circumstances = _circumstances(outbox.previous(slug), digest, policy, system, request)
    draft, seal = outer_statement(bundle, inner, circumstances), None
    try:
        if signer is not None:
            read = statement.read(draft)
            seal = sign_bundle(bundle, inner, read, signer=signer, system=system).seal
    finally:  # what was packed is kept, also where nobody could sign it
        path = outbox.put(slug, artifact.data, draft, seal.files if seal else None)
    return Packed(
        path=path,
        digest=digest,
        change=change,
        handoff=handoff,
        circumstances=circumstances,
        components=document.components,
        gaps=document.gaps,
        findings=findings,
        size=len(artifact.data),
        signed_by=seal.shown if seal else None,
        commit=_commit_ready(repository, system, handoff, digest) if request.commit else None,
    )


def _content(
    repository: BuilderRepository,
    change: ChangeSet,
    rules: Rules,
    slug: Slug,
    request: PackRequest,
    *,
    given: Mapping[str, bytes],
) -> Content:
    title = words.find_title(repository, change.base, slug, request.title)
    said = Words(slug, title, words.check_message(request.message))
    identifier = words.find_repository_id(repository, rules, request.repository)
    return gather(
        change.files, change.result_tree, repository.objects, rules=rules, words=said,
        members=given, repository=identifier,
    )  # fmt: skip


def _given(
    request: PackRequest, wanted: Sequence[str], rollbacks: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Return the members that lanectl does not make itself: a team's SBOM, the rollback."""
    given = {names.SBOM: request.sbom} if request.sbom is not None else {}
    if wanted and all(path in rollbacks for path in wanted):
        given[names.ROLLBACK] = rollback.join([(p, rollbacks[p]) for p in wanted])
    return given


def _read(repository: BuilderRepository, request: ChangeRequest) -> ChangeSet:
    try:
        change = repository.read_change(request)
        if len(change.files) > archive.most_files(request.limit):  # before they are looked into
            archive.check_patch(memoryview(change.patch), request.limit)
    except MalformedError as error:
        raise _unpackable(error.fault) from error
    return change


def _write(
    members: dict[str, bytes], handoff: Handoff, document: sbom.Sbom, limit: int
) -> tuple[archive.Archive, Statement]:
    """Return the archive and its inner statement as a verifier will read it, or refuse as it would."""
    subjects = {name: Digest.of(content) for name, content in members.items()}
    completeness = {"parameters": True, "environment": False, "materials": document.complete}
    members[names.ATTESTATION] = statement.write(subjects, handoff, None, completeness)
    try:
        return archive.write(members, limit=limit), statement.read(members[names.ATTESTATION])
    except MalformedError as error:
        raise _unpackable(error.fault) from error


def _unpackable(fault: Fault) -> RejectedError:
    return RejectedError("this change cannot be packed", tuple(checks.find([fault])))


def _commit_ready(
    repository: BuilderRepository, system: System, handoff: Handoff, digest: Digest
) -> ObjectId:
    """Put the change on the Builder's own staging branch with a READY marker."""
    branch = staging_branch(handoff.slug)
    head = repository.resolve(f"refs/heads/{branch}")
    who = Identity(*repository.identity(), system.now())
    commit = repository.commit(
        NewCommit(
            tree=handoff.result_tree,
            parents=(head or handoff.base,),
            message=commit_message(READY, handoff, digest, None),
            author=who,
            committer=who,
        )
    )
    repository.publish(branch, commit, head, handoff.base)
    return commit


def _rules(repository: BuilderRepository, change: ChangeSet) -> tuple[Rules, Digest | None]:
    """Return the base's rules: the only ones that a sandboxed Builder has for certain."""
    found = repository.objects.files_at(change.base_tree, (RULES_PATH,), limit=_FILE_LIMIT)
    data = found.get(RULES_PATH)
    return (read_rules(data), Digest.of(data)) if data is not None else (Rules(), None)


def _rollbacks(
    repository: BuilderRepository, change: ChangeSet, rules: Rules, request: PackRequest
) -> tuple[tuple[str, ...], Mapping[str, bytes]]:
    """Return the rollback paths that are wanted, newest migration first, and those found."""
    if request.rollback is not None:
        if not rollback.is_plain_path(request.rollback):
            raise UsageError(
                f"--rollback {display(request.rollback)!r} is no path of the change's result",
                remedies=(Remedy("Name it from the top of the repository."),),
            )
        wanted = [request.rollback]
    else:
        touched = rollback.touched(change.files, rules.migrations)
        paths = [rollback.conventional_path(m) for m in reversed(touched)]
        wanted = [p.decode("utf-8", "replace") for p in dict.fromkeys(paths)]
    found = repository.objects.files_at(change.result_tree, wanted, limit=_FILE_LIMIT)
    return tuple(wanted), found


def _describe(
    change: ChangeSet, content: Content, wanted: tuple[str, ...]
) -> tuple[Handoff, sbom.Sbom]:
    repository = content.repository
    if repository is None:
        raise ValueError("the content of a change that is packed knows its repository")
    read = sorted(content.lockfiles.items())
    document = sbom.build(repository=repository, result_tree=change.result_tree, lockfiles=read)
    said = content.words or Words("", "", "")
    handoff = Handoff(
        repository=repository,
        base=change.base,
        base_tree=change.base_tree,
        result_tree=change.result_tree,
        object_format=change.object_format,
        slug=Slug(said.slug),
        title=said.title,
        message=said.message,
        lane=Lane.CODEX,
        diff_engine=change.diff_engine,
        rollback=wanted,
        lockfiles=tuple(
            Material(statement.lockfile_uri(repository, path), "sha256", Digest.of(data))
            for path, data in read
            if data is not None
        ),
    )
    return handoff, document


def _circumstances(
    last: OutboxState, digest: Digest, policy: Digest | None, system: System, request: PackRequest
) -> Circumstances:
    """Return the draft's circumstances: the last *signed* bundle of this slug is superseded."""
    former = _former(last)
    attempt, supersedes = (former.attempt, former.supersedes) if former else (1, None)
    if last.signature is not None and last.digest not in {None, digest}:
        attempt, supersedes = attempt + 1, last.digest
    if request.supersedes:
        try:
            supersedes = Digest(request.supersedes.removeprefix("sha256:"))
        except ValueError as error:
            raise UsageError(f"--supersedes: {error}") from error
    now = system.now()
    return Circumstances(system.nonce(), now, now + VALIDITY, attempt, supersedes, policy, "")


def _former(last: OutboxState) -> Circumstances | None:
    """Return what the last pack's statement says; the outbox is untrusted, so garbage counts as none."""
    try:
        payload = envelope.read_any(last.signature).payload if last.signature else last.statement
        return statement.read(payload).circumstances if payload else None
    except MalformedError:
        return None
