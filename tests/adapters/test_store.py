"""The Enforcer's folders: where the operator file is, and state that is whole or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanectl.adapters import files
from lanectl.adapters.store import FolderStore, operator_path, state_folder
from lanectl.errors import UnreadableError, UsageError
from lanectl.model.names import Digest, ObjectId, RepositoryId
from lanectl.model.submission import Submission
from tests.world import write

TIP = ObjectId("a" * 40)
BUNDLE = Digest("c" * 64)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "state", RepositoryId("example.test/../../a%2fb"))


def test_the_systems_operator_file_wins_over_every_variable(tmp_path: Path) -> None:
    system = tmp_path / "etc.toml"
    environment = {"HOME": "/h", "LANECTL_OPERATOR_CONFIG": "/named"}
    assert operator_path(environment, str(system)) == "/named"
    assert operator_path({"HOME": "/h"}, str(system)) == "/h/.config/lanectl/enforcer.toml"
    write(system)
    assert operator_path(environment, str(system)) == str(system)


def test_relative_variables_are_not_obeyed() -> None:
    assert state_folder({"HOME": "/h", "XDG_STATE_HOME": "relative"}) == Path(
        "/h/.local/state/lanectl"
    )
    assert state_folder({"HOME": "/h", "XDG_STATE_HOME": "/s"}) == Path("/s/lanectl")


def test_a_repository_id_cannot_lead_out_of_the_state_folder(
    store: FolderStore, tmp_path: Path
) -> None:
    store.record_tip(TIP)
    assert store.folder.parent == tmp_path / "state"
    assert store.last_tip() == TIP
    store.forget_tip()
    store.forget_tip()
    assert store.last_tip() is None


@pytest.mark.parametrize("garbage", [b"", b"{", b"a" * 39, b"\xff"])
def test_damaged_state_is_an_error_not_an_absence(store: FolderStore, garbage: bytes) -> None:
    store.record_tip(TIP)
    (store.folder / "tip").write_bytes(garbage)
    with pytest.raises(UnreadableError, match="damaged"):
        store.last_tip()


def test_state_is_private(store: FolderStore) -> None:
    store.keep(BUNDLE, Submission(b"artifact", b"signature"))
    kept = store.folder / "bundles" / BUNDLE
    assert (kept / "artifact.tar.gz").read_bytes() == b"artifact"
    assert (kept / "artifact.tar.gz").stat().st_mode & 0o777 == 0o600
    assert store.folder.stat().st_mode & 0o777 == 0o700


def test_files_are_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "file"
    files.replace(str(target), b"one")
    (tmp_path / "folder/x").mkdir(parents=True)
    with pytest.raises(UnreadableError, match="cannot be written"):
        files.replace(str(tmp_path / "folder"), b"two")
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["file"]


def test_a_new_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    write(tmp_path / "key", b"secret")
    (tmp_path / "link").symlink_to("key")
    with pytest.raises(UsageError, match="not overwritten"):
        files.write_exclusive(str(tmp_path / "link"), b"x", mode=0o600)
    with pytest.raises(UnreadableError, match="cannot be written"):
        files.write_exclusive(str(tmp_path / "key/below"), b"x", mode=0o600)
    assert (tmp_path / "key").read_bytes() == b"secret"


def test_what_is_read_must_be_a_small_regular_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="not a regular file"):
        files.read(str(tmp_path), limit=9)
    write(tmp_path / "large", b"0123456789")
    with pytest.raises(UnreadableError, match="larger than 9"):
        files.read(str(tmp_path / "large"), limit=9)
    (tmp_path / "link").symlink_to("large")
    with pytest.raises(UnreadableError):
        files.read(str(tmp_path / "link"), limit=99)
