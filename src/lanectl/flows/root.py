"""The root of the trust files: m of n signatures, and from one root to the next only by the first.

As in TUF: what comes after a root must be signed by that root's keys, and by its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.errors import Remedy, UnreadableError, UntrustedError
from lanectl.formats import root as formats
from lanectl.model.display import display
from lanectl.model.names import Digest
from lanectl.model.report import MalformedError
from lanectl.model.root import ROOT_PATH, SIGNATURES_PATH, Endorsement, Root, is_endorsed
from lanectl.model.settings import RULES_PATH
from lanectl.model.trust_policy import TRUST_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.model.names import ObjectId, RepositoryId
    from lanectl.ports import TargetRepository

MOST_FILES: Final = 256
"""Of the trust folder."""
MOST_STEPS: Final = 100
"""Commits that are looked at between the root seen last and the present one."""

ENDORSE: Final = Remedy(
    "Let enough holders of root keys sign these files, and merge root.signatures.json.",
    ("lanectl", "policy", "endorse", "--key", "ROOTKEY"),
)
_REGULAR: Final = frozenset({"100644", "100755"})


class RootState(Struct, frozen=True):
    """What a commit holds of the root: who must sign (None: nobody), and what was signed."""

    root: Root | None = None
    endorsement: Endorsement | None = None


def require_root(
    repository: TargetRepository,
    identifier: RepositoryId,
    last: ObjectId,
    tip: ObjectId,
    now: RootState,
) -> Root | None:
    """Return the root at the tip, after its files are found signed: by it, and by the one seen last.

    `now` is what the tip holds.

    Where the root was changed since then, every change of it on the target's own line must be good
    in turn. Raises UntrustedError for a threshold that is missed, an endorsement of other files or
    an older one; UnreadableError for files that are not valid.
    """
    before = RootState() if last == tip else state_at(repository, last)
    if before.root is not None and before.root != now.root:
        paths = (ROOT_PATH, SIGNATURES_PATH)
        for commit in repository.touching(paths, last, tip)[:MOST_STEPS]:
            try:
                then = state_at(repository, commit)
                before = _follow(repository, identifier, before, commit, then)
            except (UntrustedError, UnreadableError):
                continue  # half of a ceremony; the tip must be whole
    return _follow(repository, identifier, before, tip, now).root


def state_at(repository: TargetRepository, commit: ObjectId) -> RootState:
    """Return what a commit holds of the root. Raises UnreadableError for a file that is not valid."""
    tree = repository.commit_tree(commit) or commit
    paths = (ROOT_PATH, SIGNATURES_PATH)
    return read_state(repository.objects.files_at(tree, paths, limit=formats.LIMIT))


def read_state(files: Mapping[str, bytes]) -> RootState:
    """Return what these files say of the root. Raises UnreadableError."""
    root, signatures = files.get(ROOT_PATH), files.get(SIGNATURES_PATH)
    path = ROOT_PATH
    try:
        parsed = formats.read_root(root) if root is not None else None
        path = SIGNATURES_PATH
        signed = formats.read_endorsement(signatures) if signatures is not None else None
    except MalformedError as error:
        fault = error.fault
        raise UnreadableError(
            f"{path} is not valid",
            why=display(f"{fault.where} {fault.got}, expected {fault.expected}".strip()),
            remedies=(
                Remedy("Restore it.", ("git", "checkout", "HEAD", "--", path)), ENDORSE,
            ),
        ) from error  # fmt: skip
    return RootState(parsed, signed)


def digests(files: Mapping[str, bytes]) -> dict[str, Digest]:
    """Return the digest of every file that a root vouches for."""
    return {path: Digest.of(data) for path, data in sorted(files.items()) if is_endorsed(path)}


def differences(said: Mapping[str, Digest], found: Mapping[str, Digest]) -> list[str]:
    """Return how files differ from what was signed: `+ path`, `- path`, `~ path`."""
    signs = {True: "~", False: "-"}
    gone = [f"{signs[path in found]} {path}" for path in said if found.get(path) != said[path]]
    return sorted(gone + [f"+ {path}" for path in found if path not in said], key=lambda d: d[2:])


def _follow(
    repository: TargetRepository,
    identifier: RepositoryId,
    before: RootState,
    commit: ObjectId,
    now: RootState,
) -> RootState:
    """Return a commit's state if the root before it, and its own, vouch for it."""
    if before.root is None and now.root is None:
        return now
    said = now.endorsement
    if said is None:
        raise _untrusted(
            f"no key of the root has signed the trust files: {SIGNATURES_PATH} is missing"
        )
    if said.repository != identifier:
        raise _untrusted(f"the trust files are signed for {said.repository}, not for {identifier}")
    if changed := differences(said.files, _digests_at(repository, commit)):
        raise _untrusted("the trust files are not those that were signed", display(changed[0]))
    for root, word in ((before.root, "the root that was seen last"), (now.root, "root.json")):
        if root is not None:
            _refuse_too_few(root, said, word)
    if before.root is not None and before.endorsement is not None:
        _refuse_older(before.endorsement, said)
    return now


def _refuse_too_few(root: Root, said: Endorsement, word: str) -> None:
    signers = formats.signed_by(root, said)
    if len(signers) < root.threshold:
        names = ", ".join(display(key.name) for key in signers) or "nobody"
        raise _untrusted(
            f"the trust files are signed by {len(signers)} of the {root.threshold} keys that {word} demands",
            f"version {said.version}, signed by {names} of {len(root.keys)} keys",
        )


def _refuse_older(before: Endorsement, said: Endorsement) -> None:
    if said.version < before.version:
        raise _untrusted(
            f"the trust files are of version {said.version}, after {before.version} was seen",
            "an older policy was put back",
        )
    if said.version == before.version and not said.says_the_same(before):
        raise _untrusted(
            f"two different states of the trust files are called version {said.version}"
        )


def _digests_at(repository: TargetRepository, commit: ObjectId) -> dict[str, Digest]:
    tree = repository.commit_tree(commit) or commit
    entries = repository.objects.find(tree, lambda _: True, below=(RULES_PATH, TRUST_FOLDER))
    if len(entries) > MOST_FILES:
        raise UnreadableError(f"{TRUST_FOLDER} holds more than {MOST_FILES} files")
    blobs = repository.objects.blobs([e.id for e in entries], limit=formats.LIMIT)
    found: dict[str, bytes] = {}
    for entry in entries:
        path = entry.path.decode("utf-8", "surrogateescape")
        if entry.mode not in _REGULAR or entry.id not in blobs:
            raise _untrusted(f"{display(path)} is no regular file of at most {formats.LIMIT} bytes")
        found[path] = blobs[entry.id]
    return digests(found)


def _untrusted(what: str, why: str = "") -> UntrustedError:
    return UntrustedError(what, why=why, remedies=(ENDORSE,))
