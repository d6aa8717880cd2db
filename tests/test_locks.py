"""The locked requirements can be installed by the pip that a Python of 2023 brings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).resolve().parents[1] / "requirements").glob("*.txt"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_named_with_extras_is_named_without_them_too(file: Path) -> None:
    """Pip 23 resolves the one that is missing to the newest release, whose hash is unknown."""
    named = re.findall(r"(?m)^([a-z0-9-]+)(\[[^]]*\])?==(\S+)", file.read_text())
    bare = {(name, version) for name, extras, version in named if not extras}
    assert {(name, version) for name, extras, version in named if extras} <= bare
