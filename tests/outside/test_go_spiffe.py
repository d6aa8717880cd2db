"""SVIDs as go-spiffe reads them: what proves a workload here does there, and never only here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lanectl.formats import svid
from lanectl.formats.envelope import PAYLOAD_TYPE
from tests import svids
from tests.gotool import CACHE
from tests.svids import HOUR, ID, NOW, Issued, authority, workload

pytestmark = pytest.mark.e2e

PAYLOAD = b"{}"
PROGRAM = Path(__file__).parent / "spiffe"


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program around go-spiffe, built from its locked modules."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        pytest.skip("no go: go-spiffe cannot be built")
    made = tmp_path_factory.mktemp("spiffe") / "verify"
    folders = {name: str(CACHE / "go" / name.lower()) for name in ("GOPATH", "GOCACHE")}
    done = subprocess.run(
        [go, "build", "-mod=readonly", "-o", made, "."], cwd=PROGRAM, capture_output=True, text=True,
        check=False, env={**os.environ, **folders, "GOFLAGS": "-modcacherw"},
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"go-spiffe cannot be built: {done.stderr.strip()[-300:]}")
    return made


def chains() -> list[tuple[str, list[Issued], Issued]]:
    """Chains with the authority that is pinned: honest ones and others."""
    top, other = svids.root(), svids.root("other")
    middle, tight = top.issue(authority("middle")), top.issue(authority("tight", path_length=0))
    low = tight.issue(authority("low"))
    no_authority = top.issue(authority("none", is_authority=False))
    plans: dict[str, dict[str, Any]] = {
        "good": {}, "bare": {"extended": None, "is_authority": None}, "authority": {"is_authority": True},
        "over": {"end": NOW - HOUR / 2}, "early": {"start": NOW + HOUR / 2},
        "signs": {"uses": {"digital_signature", "key_cert_sign"}},
        "lists": {"uses": {"digital_signature", "crl_sign"}},
    }  # fmt: skip
    found = [(name, [top.issue(workload(**plan))], top) for name, plan in plans.items()]
    for uris in (
        (ID, f"{ID}-2"),
        ("https://x.test/a",),
        (f"{ID}/",),
        (ID.upper(),),
        ("spiffe://a.test",),
    ):
        found.append((" ".join(uris), [top.issue(workload(*uris))], top))
    return [
        *found,
        ("between", [middle.issue(workload()), middle], top),
        ("too long", [low.issue(workload()), low, tight], top),
        ("no authority", [no_authority.issue(workload()), no_authority], top),
        ("another root", [top.issue(workload())], other),
        ("another domain", [top.issue(workload("spiffe://other.test/a"))], top),
    ]


def test_both_find_the_same_good(verifier: Path, tmp_path: Path) -> None:
    lines, ours = [], {}
    for number, (name, chain, pinned) in enumerate(chains()):
        file, bundle = tmp_path / f"{number}.pem", tmp_path / f"{number}-bundle.pem"
        file.write_bytes(b"".join(c.pem for c in chain))
        bundle.write_bytes(pinned.pem)
        lines.append(f"{file} {bundle} {svid.domain_of(ID)} {int(NOW.timestamp())}")
        facts = svid.examine(
            tuple(c.der for c in chain), PAYLOAD_TYPE, PAYLOAD, chain[0].sign(PAYLOAD),
            bundle=pinned.pem, at=NOW,
        )  # fmt: skip
        # the target pins an id, and its domain's authorities alone: here it is the domain
        ours[name] = facts.fault is None and svid.domain_of(facts.id) == svid.domain_of(ID)
    done = subprocess.run(
        [verifier], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    theirs = dict(zip(ours, done.stdout.splitlines(), strict=True))
    assert {name: answer == "good" for name, answer in theirs.items()} == ours, theirs
    assert {name for name, good in ours.items() if good} == {"good", "bare", "between"}
