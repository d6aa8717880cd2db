"""The Enforcer's own folders: the operator file, and the state of one repository.

State: `$XDG_STATE_HOME/lanectl/<repository id, percent-encoded>/` with `tip`, `bundles/<sha256>/`,
`conflicts/` and `anchors.jsonl`, and what the ledger keeps there; what is not appended to is
written by rename.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from lanectl.adapters import files
from lanectl.errors import Remedy, UnreadableError
from lanectl.model.bundle import ADMISSION_SUFFIX, ARTIFACT, SUMMARY_SUFFIX
from lanectl.model.display import display
from lanectl.model.names import Digest, ObjectId
from lanectl.model.submission import SUFFIXES, Submission

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lanectl.model.names import RepositoryId

SYSTEM_OPERATOR_FILE: Final = "/etc/lanectl/enforcer.toml"
_LIMIT: Final = 1 << 20
_BUNDLE_LIMIT: Final = 4097 << 20
ANCHORS: Final = "anchors.jsonl"
_ANCHORS_LIMIT: Final = 1 << 30


def operator_path(environment: Mapping[str, str], system: str = SYSTEM_OPERATOR_FILE) -> str:
    """Return where the operator file is: the system's if it exists, then the named, then the user's."""
    if Path(system).exists():
        return system
    named = environment.get("LANECTL_OPERATOR_CONFIG")
    return named or str(_folder(environment, "XDG_CONFIG_HOME", ".config") / "enforcer.toml")


def keys_folder(environment: Mapping[str, str]) -> Path:
    """Return where `keys new` puts keys that nobody named a place for."""
    return _folder(environment, "XDG_CONFIG_HOME", ".config") / "keys"


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of all of lanectl's state."""
    return _folder(environment, "XDG_STATE_HOME", ".local/state")


class FolderStore:
    """Implements `ports.EnforcerStore` in a folder."""

    def __init__(self, parent: Path, repository: RepositoryId) -> None:
        self.folder = parent / quote(repository, safe="")

    def last_tip(self) -> ObjectId | None:
        """Return the target's tip that was seen last."""
        path = str(self.folder / "tip")
        data = files.read_optional(path, limit=_LIMIT)
        try:
            return ObjectId(data.decode("ascii").strip()) if data is not None else None
        except ValueError as error:
            raise _damaged(path) from error

    def record_tip(self, tip: ObjectId) -> None:
        """Remember the target's tip."""
        self._write("tip", f"{tip}\n".encode())

    def forget_tip(self) -> None:
        """Forget the tip: a person has pinned the branch anew."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "tip").unlink()

    def keep(self, digest: Digest, submission: Submission) -> None:
        """Keep a copy of an accepted bundle by its digest."""
        self._write(f"bundles/{digest}/{ARTIFACT}", submission.artifact)
        for suffix, data in submission.files.items():
            self._write(f"bundles/{digest}/{ARTIFACT}{suffix}", data)

    def keep_admission(self, digest: Digest, admission: bytes) -> None:
        """Keep the admission of an applied bundle beside it."""
        self._write(f"bundles/{digest}/{ARTIFACT}{ADMISSION_SUFFIX}", admission)

    def keep_summary(self, digest: Digest, summary: bytes) -> None:
        """Keep this Enforcer's summary of an applied bundle beside it."""
        self._write(f"bundles/{digest}/{ARTIFACT}{SUMMARY_SUFFIX}", summary)

    def kept_summary(self, digest: Digest) -> bytes | None:
        """Return the summary that is kept of an applied bundle."""
        path = self.folder / f"bundles/{digest}/{ARTIFACT}{SUMMARY_SUFFIX}"
        return files.read_optional(str(path), limit=_LIMIT)

    def admissions(self) -> Iterator[tuple[Digest, bytes]]:
        """Yield the admissions that are kept, each with its bundle's digest."""
        for path in sorted(self.folder.glob(f"bundles/*/{ARTIFACT}{ADMISSION_SUFFIX}")):
            data = files.read_optional(str(path), limit=_LIMIT)
            with contextlib.suppress(ValueError):
                digest = Digest(path.parent.name)
                if data is not None:
                    yield digest, data

    def kept(self, digest: Digest) -> Submission | None:
        """Return the kept copy of an accepted bundle, if it is whole."""
        path = str(self.folder / f"bundles/{digest}/{ARTIFACT}")
        artifact = files.read_optional(path, limit=_BUNDLE_LIMIT)
        if artifact is None:
            return None
        beside = {s: files.read_optional(path + s, limit=_BUNDLE_LIMIT) for s in SUFFIXES}
        kept = Submission.of(artifact, {s: data for s, data in beside.items() if data is not None})
        return kept if kept.is_signed else None

    def anchors(self) -> list[bytes]:
        """Return the signed heads of the ledger, one a line; a half-written last line is none."""
        data = files.read_optional(str(self.folder / ANCHORS), limit=_ANCHORS_LIMIT) or b""
        return [line for line in data.split(b"\n")[:-1] if line]

    def add_anchor(self, line: bytes) -> None:
        """Append a signed head, for good."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.append_line(str(self.folder / ANCHORS), line)

    def put_packet(self, digest: Digest, packet: bytes) -> str:
        """Write what the Builder needs after a conflict; return its path."""
        name = f"conflicts/{digest}.json"
        self._write(name, packet)
        return str(self.folder / name)

    def _write(self, name: str, data: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(str(self.folder / name), data, mode=0o600)


def _damaged(path: str) -> UnreadableError:
    return UnreadableError(
        f"{display(path)} is damaged",
        why="it is lanectl's own state and is written whole or not at all",
        remedies=(Remedy("Restore it from a backup, or remove it if you know what it held."),),
    )


def _folder(environment: Mapping[str, str], variable: str, default: str) -> Path:
    value = environment.get(variable, "")
    base = Path(value) if value.startswith("/") else Path(environment.get("HOME", "/")) / default
    return base / "lanectl"
