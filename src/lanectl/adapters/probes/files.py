"""The files of the two lanes: can they be read, by whom, did git see them, are the keys two. Shows none."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from lanectl.adapters import files, keys
from lanectl.adapters.places import forbidden_to, key_of, profile_of
from lanectl.errors import LaneError
from lanectl.formats import json, keyring, profile
from lanectl.formats.keys import read_public_key
from lanectl.model.display import display
from lanectl.model.lane import PROFILES, Act, Attempt, Lane
from lanectl.model.report import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lanectl.adapters.probes.remote import UserGit

_LIMIT = 1 << 20


def reading(
    lane: Lane,
    variables: Mapping[str, str],
    top: str,
    named: str | None,
    ledger: Sequence[str] = (),
) -> Iterator[Attempt]:
    """Try to read what the lane must not be able to read; a byte is read and dropped."""
    more = [(Act.OTHER_FILES, p) for p in ledger if lane is Lane.CODEX and os.path.lexists(p)]
    for act, path in dict.fromkeys([*forbidden_to(lane, variables, top, named), *more]):
        try:
            readable = _can_read(path)
            said = "it can be read" if readable else "empty"
        except OSError as error:
            readable, said = False, error.strerror or "it cannot be read"
        yield Attempt(act, display(path), readable, said)


def _can_read(path: str) -> bool:
    if os.path.isdir(path):
        return bool(os.listdir(path))
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return bool(os.read(fd, 1))
    finally:
        os.close(fd)


def modes(variables: Mapping[str, str], top: str, named: str | None) -> Iterator[Attempt]:
    """Look at the permissions of profiles and private keys that exist."""
    wanted = [p for lane in Lane for p in (*profile_of(lane, top, named), *key_of(lane, variables))]
    for path in dict.fromkeys([*wanted, *([os.path.abspath(named)] if named else [])]):
        try:
            status = os.stat(path)
        except OSError:
            continue
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISREG(status.st_mode):
            yield Attempt(Act.FILE_MODE, display(path), bool(mode & 0o077), f"mode {mode:04o}")


def seen_by_git(git: UserGit) -> Iterator[Attempt]:
    """Ask git whether the profiles are ignored, and whether any ref or the index ever held them."""
    for name in PROFILES:
        if os.path.lexists(os.path.join(git.top, name)):
            done = git.run("check-ignore", "-q", "--no-index", "--", name)
            ignored = {0: True, 1: False}.get(-1 if done.code is None else done.code)
            said = {True: "ignored", False: "not ignored"}.get(ignored or False, "")
            state = None if ignored is None else not ignored
            yield Attempt(Act.NOT_IGNORED, name, state, done.last_line if state is None else said)
        yield _committed(git, name)


def _committed(git: UserGit, name: str) -> Attempt:
    paths = (f":(top,glob)**/{name}",)
    history = git.run("log", "--all", "--full-history", "--format=%h", "-n1", "--", *paths)
    index = git.run("ls-files", "--", *paths)
    if history.code != 0 or index.code != 0:
        failed = history if history.code != 0 else index
        return Attempt(Act.COMMITTED, name, None, failed.last_line)
    if history.out:
        return Attempt(Act.COMMITTED, name, True, f"in commit {history.out.decode().strip()}")  # noqa: FBT003
    staged = bool(index.out)
    return Attempt(Act.COMMITTED, name, staged, "in the index" if staged else "in no ref")


def same_key(git: UserGit, variables: Mapping[str, str]) -> Iterator[Attempt]:
    """Compare Builder and Enforcer keys: those on disk, and those that HEAD and the remote register."""
    known: dict[str, set[str]] = {"builder": set(), "enforcer": set()}
    for role, lane in (("builder", Lane.CODEX), ("enforcer", Lane.CLAUDE)):
        known[role].update(filter(None, map(_key_id, key_of(lane, variables))))
    for revision in ("HEAD", "refs/remotes/origin/HEAD", "@{upstream}"):
        shown = git.run("show", f"{revision}:{keyring.PATH}")
        if shown.code == 0:
            for role, key in _registered(shown.out):
                known.setdefault(role, set()).add(key)
    where = "Builder and Enforcer"
    if not known["builder"] or not known["enforcer"]:
        yield Attempt(Act.SAME_KEY, where, None, "one of the two keys is not known here")
        return
    common = sorted(known["builder"] & known["enforcer"])
    said = f"both use {common[0][:12]}…" if common else "two different keys"
    yield Attempt(Act.SAME_KEY, where, bool(common), said)


def _key_id(path: str) -> str | None:
    try:
        return keys.load(path, may_ask=False).public.id
    except (LaneError, OSError):
        pass
    try:
        return read_public_key(files.read(f"{path}.pub", limit=_LIMIT).decode("ascii")).id
    except (LaneError, OSError, ValueError):
        return None


def _registered(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield role and id of each key; the strict reader would refuse the very file that is sought."""
    try:
        value = json.load(data, rule="trust/keyring", limit=keyring.LIMIT)
        for entry in value["keys"]:
            yield str(entry["role"]), read_public_key(entry["publicKey"]).id
    except (MalformedError, ValueError, KeyError, TypeError):
        return


def profiles(
    lane: Lane, top: str, named: str | None
) -> Iterator[tuple[str, Mapping[str, str] | None]]:
    """Yield the lane's own profiles that exist, with their variables; None if none can be told."""
    for path in profile_of(lane, top, named):
        if os.path.exists(path):
            try:
                data = files.read(path, limit=profile.LIMIT)
                yield f"profile {display(path)}", profile.read(data, path).variables
            except (LaneError, OSError):
                yield f"profile {display(path)}", None
