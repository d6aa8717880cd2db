"""Lockfiles of an attacker: what they cost is bounded, and what was not read is a gap."""

from __future__ import annotations

import json
import time

import pytest

from lanectl.formats import sbom
from lanectl.formats.lockfiles import read_lockfile
from lanectl.formats.lockfiles.fields import MOST
from lanectl.formats.sources import read_sources
from lanectl.model.names import ObjectId, RepositoryId
from lanectl.model.report import MalformedError
from lanectl.model.sbom import Lockfile

REPOSITORY, TREE = RepositoryId("example.com/a/b"), ObjectId("1" * 40)
NOT_READ = Lockfile((), ("malformed",))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (b"requirements.txt", b"a==1\n" * (MOST + 1)),
        (b"requirements.txt", b"a==1\f" * (MOST + 1)),  # Python divides lines there, too
        (b"uv.lock", b"version=1\n" + b'[[package]]\nname="a"\n' * (MOST + 1)),
        (
            b"package-lock.json",
            json.dumps(
                {
                    "lockfileVersion": 3,
                    "packages": {f"node_modules/{n}": {"version": "1"} for n in range(MOST + 1)},
                }
            ).encode(),
        ),
    ],
)
def test_a_lockfile_of_more_entries_than_any_project_has_is_not_read(
    name: bytes, data: bytes
) -> None:
    started = time.process_time()
    assert read_lockfile(name, data) == NOT_READ
    assert time.process_time() - started < 6  # seconds; reading them took 60 µs each


@pytest.mark.e2e
def test_lockfiles_after_a_hundred_thousand_components_are_gaps() -> None:
    lines = b"".join(b"p%d==1\n" % n for n in range(40_000))
    files = [(b"%d/requirements.txt" % n, lines) for n in range(4)]
    made = sbom.build(repository=REPOSITORY, result_tree=TREE, lockfiles=files)
    assert made.components == 40_000
    assert [gap for gap in made.gaps if "too large" in gap] == [
        "3/requirements.txt: too large to be read"
    ]


@pytest.mark.parametrize("name", [b"requirements.txt", b"yarn.lock", b"go.sum", b"Gemfile.lock"])
def test_a_file_of_more_lines_than_any_has_is_unreadable(name: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        read_sources(name, b"a\f" * 200_001)
    assert caught.value.fault.got == "200001 lines"


def test_a_toml_document_of_more_than_4_mib_is_unreadable() -> None:
    with pytest.raises(MalformedError) as caught:
        read_sources(b"Cargo.toml", b"a = 1\n" * (1 << 20))
    assert caught.value.fault.expected == "at most 4194304 bytes"
