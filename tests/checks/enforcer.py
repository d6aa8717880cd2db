"""The Enforcer of the committed bundles: its real clone, its real trust, and a clock that stands."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from lanectl.adapters.git.discover import discover
from lanectl.adapters.git.process import Git
from lanectl.adapters.git.target import GitTargetRepository
from lanectl.adapters.store import FolderStore, state_folder
from lanectl.flows.trust import OperatorFile, load_trust, read_operator
from lanectl.flows.verify import verify
from lanectl.model.bundle import Handoff
from lanectl.model.evidence import Replay, Trust
from lanectl.model.names import RepositoryId
from lanectl.model.report import VerificationReport
from lanectl.model.submission import Submission
from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.bundle import Made, Plan, make
from tests.world import git, write


@dataclass(frozen=True)
class Clock:
    """Implements `ports.System` at one moment."""

    moment: datetime = bundle.NOW

    def now(self) -> datetime:
        return self.moment

    def nonce(self) -> str:
        return "0" * 32


class SameEngine(GitTargetRepository):
    """A git that calls itself the one that the bundles were made for.

    The bytes of a patch are compared only under one git version; for the few lines of these
    bundles every git writes the same.
    """

    @property
    def real_engine(self) -> str:
        return f"git {self.git.version()}"

    def replay(self, handoff: Handoff, patch: memoryview) -> Replay:
        return replace(super().replay(handoff, patch), diff_engine=bundle.ENGINE)


class Enforcer:
    """A clone in a folder of its own, without any network and without a work tree."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clone = root / "clone"
        self.clone.mkdir(parents=True)
        bundle.write_target(self.clone)
        self.operator_file = root / "enforcer.toml"
        self.operator_file.write_bytes(bundle.operator())
        self._count = 0

    def repository(self) -> SameEngine:
        """Return the clone, seen anew: nothing of an earlier bundle is in its object folder."""
        self._count += 1
        scratch = self.root / f"scratch{self._count}"
        (scratch / "home").mkdir(parents=True)
        operator = read_operator(self.operator())
        git = Git(str(scratch / "home"), operator.limits)
        environment = {"HOME": str(scratch / "home")}
        found = discover(git, str(self.clone), environment)
        return SameEngine(git, found, scratch, environment)

    def settle(self) -> Enforcer:
        """Put the operator file and the Enforcer's key where the command line looks for them."""
        place = Path(os.environ["HOME"]) / ".config/lanectl/enforcer.toml"
        place.parent.mkdir(parents=True)
        self.operator_file = self.operator_file.rename(place)
        write(
            place.with_name("keys") / "enforcer.pem",
            (bundle.KEYS / "test-only-enforcer.pem").read_bytes(),
            0o600,
        )
        return self

    def advance(self, files: dict[str, bytes | None], *, parent: str = "refs/heads/main") -> str:
        """Put a commit with these changes on the pinned branch, as a fetch would."""
        index = {"GIT_INDEX_FILE": str(self.root / "index")}
        git(self.clone, "read-tree", parent, **index)
        for path, data in files.items():
            if data is None:
                git(self.clone, "rm", "-q", "--cached", "-r", "--", path, **index)
                continue
            blob = git(self.clone, "hash-object", "-w", "--stdin", data=data)
            git(
                self.clone, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", **index
            )
        tree = git(self.clone, "write-tree", **index)
        commit = git(self.clone, "commit-tree", tree, "-p", parent, "-m", "later")
        self.move(commit)
        return commit

    def move(self, revision: str) -> None:
        """Move the pinned branch, as a fetch would."""
        git(self.clone, "update-ref", "refs/remotes/origin/main", revision)

    def deliver(self, plan: Plan) -> Path:
        """Make a bundle of this hour and put it into an inbox; return the archive's path."""
        now = datetime.now(UTC).replace(microsecond=0)
        made = make(dataclasses.replace(plan, issued=now - timedelta(hours=1)))
        path = self.root / "inbox/artifact.tar.gz"
        path.parent.mkdir()
        path.write_bytes(made.artifact)
        if made.signature is not None:
            path.with_name("artifact.tar.gz.sigstore.json").write_bytes(made.signature)
        return path

    def operator(self) -> OperatorFile:
        path = self.operator_file
        return OperatorFile(str(path), path.read_bytes() if path.exists() else None)

    def store(self) -> FolderStore:
        return FolderStore(self.root / "state", RepositoryId(bundle.REPOSITORY))

    def store_at_home(self) -> FolderStore:
        """The store that the command line uses."""
        folder = state_folder({"HOME": os.environ["HOME"]})
        return FolderStore(folder, RepositoryId(bundle.REPOSITORY))

    def trust(self) -> Trust:
        return load_trust(self.operator(), self.repository(), self.store())

    def verify(
        self,
        made: Made,
        trust: Trust | None,
        *,
        now: datetime = bundle.NOW,
        repository: SameEngine | None = None,
    ) -> VerificationReport:
        return verify(
            Submission(made.artifact, made.signature),
            trust=trust,
            untrusted=None,
            repository=repository or self.repository(),
            system=Clock(now),
        )


def rules(report: VerificationReport) -> list[str]:
    """Return the ids of the broken rules, each once, sorted."""
    return sorted({f.rule.id for f in report.findings})
