"""The quick start is run word for word, and prints what it says that it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs/quickstart.md"
VARIES = re.compile(
    r"\b[0-9a-f]{12,}…?|^[0-9a-f]{7}\b|\([\d,]+ bytes\)|\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ",
    re.MULTILINE,
)
"""Digests, ids, the length of what holds them, and times."""
TERMINAL = {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
"""Both streams in the order in which a terminal shows them."""


def blocks(text: str, kind: str) -> list[str]:
    """The fenced blocks of one kind, without those that the page says need a forge."""
    return re.findall(rf"(?<!<!-- needs a forge -->\n)```{kind}\n(.*?)```", text, re.DOTALL)


def test_blocks_leave_out_what_needs_a_forge() -> None:
    text = "<!-- needs a forge -->\n```sh\na\n```\n```sh\nb\n```\n"
    assert blocks(text, "sh") == ["b\n"]


def test_the_quick_start_does_and_prints_what_it_says(tmp_path: Path) -> None:
    page = PAGE.read_text()
    identity = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Person"), ("EMAIL", "person@example.test"))
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", "exec 2>&1\n" + "".join(blocks(page, "sh"))],
        cwd=tmp_path,
        env={**identity, **TERMINAL, "HOME": str(tmp_path), "PATH": path},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    printed = VARIES.sub("#", done.stdout.replace(str(tmp_path), "/home/me"))
    shown = blocks(page, "text")
    assert len(shown) >= 7
    for block in shown:
        assert VARIES.sub("#", block) in printed
    assert printed.rstrip().endswith("GOOD")
