"""What a script of SQL does, statement by statement, as far as a parser can tell."""

from __future__ import annotations

from msgspec import Struct


class Act(Struct, frozen=True):
    """One thing that a statement does to one object.

    `verb`: create, drop, change, retype (a column), grant (rights, or another owner), write (rows
    of), wipe (all rows of), protect, unprotect (row level security). `kind`: table, view, index, sequence, type, function, schema, column, policy, trigger.
    `name` is `schema.object`, below a table `schema.table.name`; of a function `arguments` are the
    types, None where unsaid. `unsure`: it may have been there before (`IF NOT EXISTS`, `OR
    REPLACE`). All untrusted.
    """

    verb: str
    kind: str
    name: str
    arguments: tuple[str, ...] | None = None
    unsure: bool = False
    cascade: bool = False


class SqlStatement(Struct, frozen=True):
    """One statement: its number and line from 1, its first words, and what it does.

    `refused` says why it is none that a rollback may hold. `calls` are the functions that run when
    it runs, `reads` the tables that it looks into. `transaction` is begin, commit or nothing.
    """

    number: int
    line: int
    words: str
    acts: tuple[Act, ...] = ()
    refused: str = ""
    definer: bool = False
    calls: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    transaction: str = ""


class Script(Struct, frozen=True):
    """A script's statements; `dynamic`: it also runs code that a parser cannot see through."""

    statements: tuple[SqlStatement, ...] = ()
    dynamic: bool = False
