"""`rollback.sql`: which migrations are touched, where rollbacks lie, how they are joined."""

from __future__ import annotations

import pytest

from lanectl.formats import rollback
from lanectl.model.change import FileChange
from lanectl.model.names import ObjectId
from lanectl.model.settings import DEFAULT_MIGRATIONS

ID = ObjectId("1" * 40)


def changed(path: bytes) -> FileChange:
    return FileChange(path, "000000", "100644", ID, ID)


def test_a_deleted_or_added_migration_is_touched() -> None:
    paths = [
        b"README.md", b"db/migrations/1.sql", b"db/migrations/deep/2.sql", b"migrations/3.sql",
        b"migrations/x.md", b"supabase/migrations/4.sql", b"xmigrations/5.sql",
    ]  # fmt: skip
    assert rollback.touched([changed(p) for p in paths], DEFAULT_MIGRATIONS) == (
        b"db/migrations/1.sql", b"migrations/3.sql", b"supabase/migrations/4.sql",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("migration", "expected"),
    [
        (b"supabase/migrations/1.sql", b"supabase/rollbacks/1.sql"),
        (b"migrations/1.sql", b"rollbacks/1.sql"),
        (b"a/b/c/1.sql", b"a/b/rollbacks/1.sql"),
        (b"1.sql", b"rollbacks/1.sql"),
    ],
)
def test_a_rollback_lies_beside_the_folder_of_its_migration(
    migration: bytes, expected: bytes
) -> None:
    assert rollback.conventional_path(migration) == expected


def test_one_rollback_stays_as_it_is_and_several_are_told_apart() -> None:
    assert rollback.join([("a.sql", b"x")]) == b"x"
    assert rollback.join([("a.sql", b"x"), ("b\n.sql", b"y\n")]) == (
        b'-- a.sql\nx\n-- "b\\012.sql"\ny\n'
    )
    assert rollback.join([]) == b""
