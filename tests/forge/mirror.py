"""Brings what was pushed into the emulator: objects, then heads and tags, and no other ref.

The emulator computes object ids as git does, but leaves a commit's signature out, so a signed
commit and all after it get another id there. The two tables translate; clients only see git's ids.
"""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from typing import Any

from tests.forge.bare import Bare, Objects
from tests.forge.emulator import Emulator

ID = re.compile(rb"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")
TYPES = {"40000": "tree", "160000": "commit"}


class Mirror:
    """`there` and `here` translate ids in any bytes, towards the emulator and back."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self._there: dict[bytes, bytes] = {}
        self._here: dict[bytes, bytes] = {}
        self._known: defaultdict[str, set[str]] = defaultdict(set)

    def there(self, data: bytes) -> bytes:
        return ID.sub(lambda m: self._there.get(m[0], m[0]), data) if self._there else data

    def here(self, data: bytes) -> bytes:
        return ID.sub(lambda m: self._here.get(m[0], m[0]), data) if self._here else data

    def bring(self, repo: str, bare: Bare) -> None:
        """Copy what is new. Annotated tags arrive as the commit they stand for."""
        refs = bare.refs("refs/heads", "refs/tags")
        with bare.objects() as objects:
            for commit in _commits(bare, refs):
                if commit not in self._known[repo]:
                    self._commit(repo, objects, commit)
        have = self._refs(repo)
        for ref, wanted in refs.items():
            if ref not in have:
                self._do("POST", f"/repos/{repo}/git/refs", {"ref": ref, "sha": self._id(wanted)})
            elif have[ref] != self._id(wanted):
                moved = {"sha": self._id(wanted), "force": True}
                self._do("PATCH", f"/repos/{repo}/git/{ref}", moved)
        for ref in have.keys() - refs.keys():
            self._do("DELETE", f"/repos/{repo}/git/{ref}")

    def _refs(self, repo: str) -> dict[str, str]:
        rows: list[dict[str, Any]] = []
        for kind in ("heads", "tags"):
            rows += self._do("GET", f"/repos/{repo}/git/matching-refs/{kind}")  # has no pages
        return {row["ref"]: row["object"]["sha"] for row in rows}

    def _id(self, ours: str) -> str:
        return self._there.get(ours.encode(), ours.encode()).decode()

    def _do(self, method: str, target: str, body: Any = None) -> Any:
        answer = self.emulator.own(method, target, body)
        assert answer.status < 300, (method, target, answer.status, answer.body[:300])
        return answer.json() if answer.body else None

    def _post(self, repo: str, kind: str, ours: str, body: dict[str, Any]) -> None:
        theirs = self._do("POST", f"/repos/{repo}/git/{kind}", body)["sha"]
        self._known[repo].add(ours)
        if theirs != ours:
            self._there[ours.encode()] = theirs.encode()
            self._here[theirs.encode()] = ours.encode()

    def _commit(self, repo: str, objects: Objects, name: str) -> None:
        head, _, message = objects.read(name).decode(errors="replace").partition("\n\n")
        lines = [line.partition(" ") for line in head.split("\n") if not line.startswith(" ")]
        one = {key: value for key, _, value in lines}
        self._tree(repo, objects, one["tree"])
        body = {
            "message": message,
            "tree": self._id(one["tree"]),
            "parents": [self._id(value) for key, _, value in lines if key == "parent"],
            "author": _person(one["author"]),
            "committer": _person(one["committer"]),
        }
        self._post(repo, "commits", name, body)

    def _tree(self, repo: str, objects: Objects, name: str) -> None:
        if name in self._known[repo]:
            return
        rows = []
        for mode, path, entry in _entries(objects.read(name)):
            kind = TYPES.get(mode, "blob")
            if kind == "tree":
                self._tree(repo, objects, entry)
            elif kind == "blob" and entry not in self._known[repo]:
                content = base64.b64encode(objects.read(entry)).decode()
                self._post(repo, "blobs", entry, {"content": content, "encoding": "base64"})
            row = {"path": path, "mode": mode.zfill(6), "type": kind, "sha": self._id(entry)}
            rows.append(row)
        self._post(repo, "trees", name, {"tree": rows})


def _commits(bare: Bare, refs: dict[str, str]) -> list[str]:
    if not refs:
        return []
    return bare.run("rev-list", "--reverse", "--topo-order", *sorted(set(refs.values()))).split()


def _entries(data: bytes) -> list[tuple[str, str, str]]:
    """Return (mode, name, id) of each entry of a tree object."""
    found, at = [], 0
    while at < len(data):
        end = data.index(b"\0", at)
        mode, _, path = data[at:end].partition(b" ")
        found.append((mode.decode(), path.decode(errors="replace"), data[end + 1 : end + 21].hex()))
        at = end + 21
    return found


def _person(line: str) -> dict[str, str]:
    """Return name, address and time (RFC 3339) of an author line."""
    import datetime as dt

    match = re.fullmatch(r"(.*?) ?<(.*)> (\d+) ([+-])(\d\d)(\d\d)", line)
    assert match, line
    offset = dt.timedelta(hours=int(match[5]), minutes=int(match[6]))
    zone = dt.timezone(-offset if match[4] == "-" else offset)
    when = dt.datetime.fromtimestamp(int(match[3]), zone)
    return {"name": match[1], "email": match[2], "date": when.isoformat()}
