"""A ledger in SQLite with its Enforcer's anchors, and somebody who holds the file and no key."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from lanectl.adapters.ledger import sqlite
from lanectl.adapters.ledger.sqlite import SqliteLedger
from lanectl.flows.anchor import make_anchor
from lanectl.flows.ledger_verify import verify_ledger
from lanectl.formats import event as bodies
from lanectl.formats import record as records
from lanectl.model.authority import Record
from lanectl.model.ledger import (
    GENESIS,
    Claim,
    EventKind,
    HandoffKey,
    Head,
    LedgerId,
    NewEvent,
)
from lanectl.model.ledger_report import LedgerReport
from lanectl.model.names import Digest, RepositoryId
from lanectl.model.trust import Keyring, Role
from tests.ledger.signers import NOW, Signers

LEDGER = LedgerId("a" * 32)
REPOSITORY = RepositoryId("example.test/a/b")
TOGETHER = timedelta(minutes=1)


class Incident:
    """`at` is the story's clock: it goes on by a minute with every event."""

    def __init__(self, folder: Path, signers: Signers) -> None:
        self.path, self.signers, self.at = folder / "ledger.sqlite", signers, NOW
        self.anchors: list[bytes] = []
        made = NewEvent("created", EventKind.CREATED, NOW, "person", REPOSITORY)
        sqlite.create(str(self.path), bodies.write(made, LEDGER))

    @contextlib.contextmanager
    def ledger(self) -> Iterator[SqliteLedger]:
        ledger = sqlite.open_ledger(str(self.path))
        try:
            yield ledger
        finally:
            ledger.close()

    def record(
        self, kind: EventKind, key: HandoffKey | None = None, actor: str = "somebody", **data: str
    ) -> None:
        self.at += TOGETHER
        name = f"{kind}:{self.at:%d%H%M}"
        with self.ledger() as ledger:
            ledger.record(NewEvent(name, kind, self.at, actor, REPOSITORY, key, data))

    def apply(self, number: int) -> HandoffKey:
        """Queue, claim and apply a handoff, as an Enforcer does."""
        key = HandoffKey(f"{number:064x}")
        self.record(
            EventKind.QUEUED, key, slug=f"change-{number}", bundle=f"{number:064x}",
            base="1" * 40, result_tree=f"{number:040x}",
        )  # fmt: skip
        with self.ledger() as ledger:
            claim = ledger.claim(key, "me", seconds=300)
        assert isinstance(claim, Claim)
        self.record(
            EventKind.APPLIED, key, claim=claim.token, bundle=f"{number:064x}", commit="c" * 40,
            branch=f"feature/change-{number}",
        )  # fmt: skip
        return key

    def head(self) -> Head:
        with self.ledger() as ledger:
            return ledger.head()

    def anchor(self, role: Role = Role.ENFORCER) -> None:
        line = make_anchor(LEDGER, self.head(), self.at, self.signers.signer(role))
        self.anchors.append(line)

    def order(self, kind: EventKind, role: Role = Role.LEAD, **subject: str) -> None:
        """Record what somebody signs."""
        self.at += TOGETHER
        record = Record(
            kind, LEDGER, REPOSITORY, self.at, f"{self.at:%d%H%M}".zfill(32), "because", subject
        )
        signer = self.signers.signer(role)
        with self.ledger() as ledger:
            ledger.record(records.to_event(record, signer.public, signer.sign, actor="lead"))

    def verify(
        self,
        keyring: Keyring | None = None,
        *,
        trusted: bool = True,
        repository: RepositoryId | None = None,
    ) -> LedgerReport:
        ring = (keyring or self.signers.keyring) if trusted else None
        anchors = [(f"line {n}", line) for n, line in enumerate(self.anchors, 1)]
        with self.ledger() as ledger:
            return verify_ledger(ledger, anchors, ring, now=self.at, repository=repository)

    def copy(self) -> Path:
        """A backup of the file."""
        backup = self.path.with_suffix(".backup")
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            db.execute("pragma wal_checkpoint(truncate)")
        shutil.copyfile(self.path, backup)
        return backup

    def restore(self, backup: Path) -> None:
        for end in ("", "-wal", "-shm"):
            Path(f"{self.path}{end}").unlink(missing_ok=True)
        shutil.copyfile(backup, self.path)

    @contextlib.contextmanager
    def tampering(self) -> Iterator[sqlite3.Connection]:
        """The file in the hands of somebody who drops the triggers first."""
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("pragma ignore_check_constraints = on")
            for (name,) in db.execute(
                "select name from sqlite_master where type = 'trigger'"
            ).fetchall():
                db.execute(f"drop trigger {name}")
            yield db


def rehash(db: sqlite3.Connection) -> None:
    """Compute every link anew, as an owner of the database can."""
    prev = GENESIS
    for seq, body in db.execute("select seq, body from events order by seq").fetchall():
        hash_ = bodies.link(prev, seq, body.encode())
        db.execute("update events set prev = ?, hash = ? where seq = ?", (prev, hash_, seq))
        prev = Digest(hash_)


def later(at: datetime, minutes: int) -> datetime:
    return at + timedelta(minutes=minutes)
