"""Makes the bundles under `bundles/`: good ones, and one for every defect that must be refused.

    python tests/assets/make_bundles.py           # write them anew
    python tests/assets/make_bundles.py --check   # say whether the committed ones are current

The same bytes come out everywhere: dates, keys, git objects, DEFLATE and ECDSA nonces are fixed,
and nothing of lanectl or git is used. `index.json` says which rules must find each defect.
The keys are for tests only and stand in no keyring but the one that is made here.
"""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.assets.bundles.workshop import (  # noqa: E402
    bundle,
    changes,
    containers,
    signatures,
    statements,
)
from tests.assets.bundles.workshop.defect import Defect  # noqa: E402

FOLDER = Path(__file__).resolve().parent / "bundles"
ARTIFACT = "artifact.tar.gz"
SIGNATURE = f"{ARTIFACT}.sigstore.json"


def defects() -> list[Defect]:
    """Return every bundle that is made, good ones first."""
    makers = (
        changes.good, signatures.defects, statements.defects, containers.defects, changes.defects,
    )  # fmt: skip
    found = [defect for maker in makers for defect in maker()]
    if len({d.name for d in found}) != len(found):
        raise ValueError("two defects of one name")
    return found


@functools.cache
def files() -> dict[str, bytes]:
    """Return every file by its name below the folder."""
    made: dict[str, bytes] = {}
    index = {}
    for defect in defects():
        one = bundle.make(defect.plan)
        made[f"{defect.name}/{ARTIFACT}"] = one.artifact
        if one.signature is not None:
            made[f"{defect.name}/{SIGNATURE}"] = one.signature
        note = {"note": defect.note} if defect.note else {}
        index[defect.name] = {"rules": list(defect.rules), **note}
    document = {"now": bundle.stamp(bundle.NOW), "engine": bundle.ENGINE, "bundles": index}
    made["index.json"] = json.dumps(document, indent=1).encode() + b"\n"
    return made


def present(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder of bundles, without keys and workshop."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in {"keys", "workshop"}
    }


def write(folder: Path) -> None:
    """Write every file, and remove what is made no more."""
    wanted = files()
    for name in present(folder).keys() - wanted.keys():
        (folder / name).unlink()
    for name, data in wanted.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def check(folder: Path) -> list[str]:
    """Return the names that differ from what would be made."""
    wanted, found = files(), present(folder)
    return sorted(n for n in wanted.keys() | found.keys() if wanted.get(n) != found.get(n))


def main() -> int:
    if sys.argv[1:] not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    if not sys.argv[1:]:
        write(FOLDER)
        return 0
    stale = check(FOLDER)
    for name in stale:
        print(f"not current: {name}", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
