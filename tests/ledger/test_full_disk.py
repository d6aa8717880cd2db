"""A full disk: a ledger is made whole or not at all, and what is begun goes on when there is space."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from pathlib import Path
from lanectl.adapters.ledger.sqlite import create, open_ledger
from lanectl.errors import LaneError
from tests.ledger.on_postgres import GENESIS

path, made = Path(sys.argv[1]) / "ledger", 0
for size in range(0, 400_000, 8192):
    fill = Path(sys.argv[1]) / "fill"
    fill.write_bytes(bytes(400_000 - size))
    try:
        create(str(path), GENESIS)
    except LaneError as error:
        assert "space" in str([error.what, error.why, *error.remedies]).lower(), error
        assert not path.exists()
    fill.unlink()
    if path.exists():
        open_ledger(str(path)).close()
        path.unlink()
        made += 1
assert 5 < made < 45, made
"""


def test_a_ledger_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]
    small = 'mount -t tmpfs -o size=400k none "$0"'
    if subprocess.run([*own, small, tmp_path], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small file system")
    done = subprocess.run(
        [*own, f'{small}; exec "$1" -c "$2" "$0"', tmp_path, sys.executable, PROGRAM],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
