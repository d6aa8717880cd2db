"""What `rollback.sql` may hold beside which migration: each rule broken once, each neighbour kept."""

from __future__ import annotations

import hashlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.checks import sql
from lanectl.model.change import FileChange, Mode
from lanectl.model.content import Content
from lanectl.model.decision import Kind
from lanectl.model.names import ObjectId
from lanectl.model.report import Fault

NULL = ObjectId("0" * 40)
ORDERS = "CREATE TABLE orders (id serial PRIMARY KEY, total int);"


def content(rollback: str | bytes | None, *migrations: str | bytes | None) -> Content:
    """Return a change of migrations with its rollback; None: too large to be looked into."""
    blobs, files = {}, []
    for number, migration in enumerate(migrations):
        raw = migration.encode() if isinstance(migration, str) else migration
        blob = ObjectId(hashlib.sha1(repr((number, raw)).encode()).hexdigest())  # noqa: S324
        if raw is not None:
            blobs[blob] = raw
        path = f"supabase/migrations/{number}.sql".encode()
        files.append(FileChange(path, Mode.ABSENT, Mode.FILE, NULL, blob))
    raw = rollback.encode() if isinstance(rollback, str) else rollback
    members = {} if raw is None else {"rollback.sql": raw}
    return Content(files=tuple(files), blobs=blobs, members=members)


def faults(rollback: str | bytes | None, *migrations: str | bytes | None) -> list[Fault]:
    return list(sql.check(content(rollback, *migrations)))


def broken(rollback: str | bytes | None, *migrations: str | bytes | None) -> list[str]:
    found = faults(rollback, *migrations)
    assert all(f.subject is not None for f in found)
    return [f.rule.removeprefix("sql/") for f in found]


# a rollback undoes its migration ------------------------------------------------------------------

UNDONE = [
    ("CREATE TABLE a.orders (id int);", "DROP TABLE IF EXISTS a.orders CASCADE;", ["data-loss"]),
    (ORDERS, "BEGIN;\nDROP TABLE public.orders;\nCOMMIT;", ["data-loss"]),
    (ORDERS, "SET LOCAL lock_timeout = '2s'; DROP TABLE orders; NOTIFY pgrst, 'reload schema';", ["data-loss"]),
    ("ALTER TABLE users ADD COLUMN age int;", "ALTER TABLE public.users DROP COLUMN IF EXISTS age;", ["data-loss"]),
    ('CREATE TABLE "Or ders" (x int);', 'DROP TABLE "Or ders";', ["data-loss"]),
    ("CREATE TABLE Orders (x int);", "DROP TABLE ORDERS;", ["data-loss"]),
    ("ALTER TABLE users RENAME TO people;", "ALTER TABLE people RENAME TO users;", []),
    ("ALTER TABLE users RENAME age TO years;", "ALTER TABLE users RENAME years TO age;", []),
    ("DROP TABLE old;", "CREATE TABLE old (x int); COMMENT ON TABLE old IS 'x'; GRANT SELECT ON old TO anon;", []),
    ("ALTER TABLE u ALTER COLUMN x TYPE bigint;", "ALTER TABLE u ALTER COLUMN x TYPE int USING x::int;", []),
    ("ALTER TABLE u ADD CONSTRAINT c CHECK (x > 0);", "ALTER TABLE u DROP CONSTRAINT c;", []),
    ("ALTER TABLE u DROP CONSTRAINT c;", "ALTER TABLE u ADD CONSTRAINT c FOREIGN KEY (x) REFERENCES t (id);", []),
    ("CREATE INDEX i ON s.users (x);", "DROP INDEX CONCURRENTLY IF EXISTS s.i;", []),
    ("CREATE INDEX ON users (x);", "DROP INDEX users_x_idx;", []),
    ("DROP INDEX i;", "CREATE INDEX i ON users (lower(name));", []),
    (ORDERS, "DROP SEQUENCE orders_id_seq;", []),
    ("ALTER TABLE u ADD COLUMN n serial;", "DROP SEQUENCE u_n_seq;", []),
    ("CREATE FUNCTION f(int, out text, x text[]) RETURNS text LANGUAGE sql AS 'select 1';", "DROP FUNCTION f(int, text[]);", []),
    ("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1';", "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 2';", []),
    ("CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'select 1';", "DROP FUNCTION IF EXISTS public.f;", []),
    ("CREATE TRIGGER t BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION f();", "DROP TRIGGER IF EXISTS t ON u;", []),
    ("CREATE POLICY p ON u USING (auth.uid() = id);", 'DROP POLICY "p" ON public.u;', []),
    ("DROP POLICY p ON u;", "CREATE POLICY p ON u USING (auth.uid() = id);", []),
    ("CREATE TYPE mood AS ENUM ('a');", "DROP TYPE mood;", []),
    ("CREATE TYPE t AS (a int); CREATE DOMAIN d AS int;", "DROP DOMAIN d; DROP TYPE public.t;", []),
    ("CREATE VIEW v AS SELECT 1;", "DROP VIEW v;", []),
    ("CREATE OR REPLACE VIEW v AS SELECT 1;", "CREATE OR REPLACE VIEW v AS SELECT * FROM auth.users;", []),
    ("CREATE SCHEMA shop; CREATE TABLE shop.a (x int);", "DROP TABLE shop.a; DROP SCHEMA shop;", ["data-loss"] * 2),
    ("SET search_path = shop; CREATE TABLE a (x int);", "DROP TABLE shop.a;", ["data-loss"]),
    ("CREATE TABLE shop.a (x int);", "SET search_path TO shop, public; DROP TABLE a;", ["data-loss"]),
    ("INSERT INTO roles VALUES ('x');", "DELETE FROM roles WHERE name = 'x';", []),
    ("ALTER TABLE u ADD COLUMN x int; UPDATE u SET x = 1;", "UPDATE u SET x = NULL;", []),
    (ORDERS, "TRUNCATE orders;", ["data-loss"]),
    ("CREATE SEQUENCE s;", "SELECT setval('s', 1); DROP SEQUENCE s;", []),
    ("GRANT SELECT ON u TO anon;", "REVOKE SELECT ON u FROM anon;", []),
    ("DO $$ BEGIN CREATE TYPE mood AS ENUM ('a'); EXCEPTION WHEN duplicate_object THEN null; END $$;", "DROP TYPE mood;", []),
    ("CREATE MATERIALIZED VIEW m AS SELECT 1;", "DROP MATERIALIZED VIEW m;", []),
    ("ALTER TYPE mood RENAME VALUE 'a' TO 'b';", "ALTER TYPE mood RENAME VALUE 'b' TO 'a';", []),
    ("ALTER TABLE a SET SCHEMA b;", "ALTER TABLE b.a SET SCHEMA public;", []),
    ("ALTER SCHEMA a RENAME TO b;", "ALTER SCHEMA b RENAME TO a;", []),
    ("ALTER FUNCTION f(int) RENAME TO g;", "ALTER FUNCTION g(int) RENAME TO f;", []),
    ("CREATE TABLE a (x int); INSERT INTO a SELECT x FROM b; DROP TABLE b;", "CREATE TABLE b (x int); INSERT INTO b SELECT x FROM a; DROP TABLE a;", ["data-loss"]),
]  # fmt: skip


@pytest.mark.parametrize(("migration", "rollback", "wanted"), UNDONE)
def test_what_undoes_a_migration_is_allowed(
    migration: str, rollback: str, wanted: list[str]
) -> None:
    assert broken(rollback, migration) == wanted


def test_data_that_is_lost_is_named() -> None:
    (found,) = faults("-- a\n\nDROP TABLE orders;", ORDERS)
    assert (found.rule, found.got) == ("sql/data-loss", "drop table public.orders")
    assert found.where == "rollback.sql statement 1 (line 3)"
    assert found.subject is not None
    assert (found.subject.kind, found.subject.name) == (Kind.SQL, b"rollback.sql:1")
    (found,) = faults("DROP TABLE users CASCADE;", "CREATE TABLE IF NOT EXISTS users (x int);")
    assert found.got == "drop table public.users cascade, which may be older than the migration"


# statements that no rollback may hold -------------------------------------------------------------


@pytest.mark.parametrize(
    "rollback",
    [
        "COPY orders TO PROGRAM 'x';", "COPY orders FROM '/etc/passwd';", "COPY orders TO STDOUT;",
        "DO $$ BEGIN DROP TABLE orders; END $$;", "CALL p();", "PREPARE p AS SELECT 1;", "EXECUTE p;",
        "ALTER SYSTEM SET x = 1;", "CREATE ROLE x;", "ALTER ROLE x SUPERUSER;", "DROP ROLE x;",
        "CREATE DATABASE x;", "DROP DATABASE shop;", "DROP EXTENSION pgcrypto;", "CREATE EXTENSION x;",
        "DROP SUBSCRIPTION s;", "CREATE TABLESPACE s LOCATION '/x';", "SET ROLE postgres;",
        "SET SESSION AUTHORIZATION x;", "RESET ALL;", "SET row_security = off;", "LISTEN x;", "LOAD 'x';",
        "VACUUM orders;", "GRANT admin TO anon;", "REASSIGN OWNED BY a TO b;", "DROP OWNED BY x;",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO anon;", "GRANT ALL ON ALL TABLES IN SCHEMA public TO anon;",
        "CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION f();", "ALTER DATABASE shop SET x = 1;",
        "CREATE RULE r AS ON SELECT TO orders DO INSTEAD NOTHING;", "ALTER TABLE orders DISABLE TRIGGER ALL;",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'x';", "CREATE FUNCTION f() RETURNS int LANGUAGE plpython3u AS 'x';",
        "ROLLBACK;", "SAVEPOINT x;", "PREPARE TRANSACTION 'x';", "CREATE SERVER s FOREIGN DATA WRAPPER w;",
        "COMMENT ON DATABASE shop IS 'x';", "EXPLAIN ANALYZE DELETE FROM orders;", "MERGE INTO orders USING b ON true WHEN MATCHED THEN DELETE;",
        "SECURITY LABEL ON TABLE orders IS 'x';", "IMPORT FOREIGN SCHEMA x FROM SERVER y INTO public;",
    ],
)  # fmt: skip
def test_other_statements_are_blocked(rollback: str) -> None:
    found = broken("DROP TABLE orders;" + rollback, ORDERS)
    assert [r for r in found if r != "transaction"][1:] == ["statement"], found


@pytest.mark.parametrize(
    ("rollback", "wanted"),
    [
        ("DROP TABLE users;", "object"), ("DROP TABLE other.orders;", "object"),
        ("DROP TABLE orders, users;", "object"), ("ALTER TABLE users DROP COLUMN x;", "object"),
        ("DROP SCHEMA public CASCADE;", "object"), ("DROP FUNCTION f();", "object"),
        ("DELETE FROM users WHERE id = 1;", "object"), ("TRUNCATE users;", "object"),
        ("WITH x AS (DELETE FROM users RETURNING *) SELECT * FROM x;", "object"),
        ("DROP POLICY p ON users;", "object"), ("DROP INDEX users_pkey;", "object"),
        ("GRANT ALL ON users TO anon;", "object"), ("COMMENT ON TABLE users IS 'x';", "object"),
        ("CREATE TABLE more (x int);", "object"), ("SELECT * INTO more FROM orders;", "object"),
        ('DROP TABLE "ORDERS";', "object"), ("SET search_path = a; DROP TABLE orders;", "object"),
        ("ALTER TABLE users DISABLE ROW LEVEL SECURITY;", "object"), ("DROP VIEW v;", "object"),
        ("CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS 'select 1';", "object"),
        ("CREATE TRIGGER t AFTER INSERT ON users EXECUTE FUNCTION f();", "object"),
        ("CREATE TEMP TABLE orders (x int);", "object"),
    ],
)  # fmt: skip
def test_other_objects_are_blocked(rollback: str, wanted: str) -> None:
    assert wanted in broken(rollback, ORDERS)


def test_an_altered_table_is_not_one_to_drop() -> None:
    altered = "ALTER TABLE users ADD COLUMN age int;"
    assert "object" in broken("DROP TABLE users;", altered)
    assert "object" in broken("ALTER TABLE users DROP COLUMN email;", altered)
    assert broken("DELETE FROM users;", altered) == ["old-data", "data-loss"]
    assert broken("DELETE FROM users WHERE true;", altered) == ["old-data", "data-loss"]
    assert broken("DELETE FROM users WHERE age > 1;", altered) == []
    retyped = "ALTER TABLE users ALTER COLUMN email TYPE int USING 0;"
    assert broken(retyped, altered) == ["old-data"]
    assert broken(retyped, "ALTER TABLE users ALTER email TYPE text;") == []
    assert broken("TRUNCATE users;", altered) == ["old-data", "data-loss"]
    assert broken("UPDATE users SET email = '';", altered) == ["old-data"]
    assert broken("UPDATE users SET age = 1;", altered) == []
    assert "old-data" in broken("TRUNCATE orders CASCADE;", ORDERS)


def test_row_level_security_goes_off_only_where_it_came_on_and_a_person_agrees() -> None:
    off = "ALTER TABLE u DISABLE ROW LEVEL SECURITY;"
    assert broken(off, "ALTER TABLE u ENABLE ROW LEVEL SECURITY;") == ["row-security"]
    assert broken(off, "ALTER TABLE u ADD COLUMN x int;") == ["statement"]
    assert broken(off, "CREATE TABLE u (x int);") == []


@pytest.mark.parametrize(
    "rollback", ["GRANT ALL ON users TO anon;", "ALTER TABLE users OWNER TO anon;"]
)
def test_rights_are_given_only_where_the_migration_dealt_with_them(rollback: str) -> None:
    assert broken(rollback, "ALTER TABLE users ADD COLUMN age int;") == ["object"]
    assert broken(rollback, "REVOKE ALL ON users FROM anon;") == []
    assert broken(rollback, "DROP TABLE users;") == []
    function = "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1';"
    assert broken(function + "GRANT EXECUTE ON FUNCTION f() TO anon;", function) == []


def test_the_rights_of_an_owner_are_held() -> None:
    function = "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql {} AS 'select 1';"
    assert broken(function.format("SECURITY DEFINER"), function.format("")) == ["definer"]
    assert broken("ALTER FUNCTION f() SECURITY DEFINER;", function.format("")) == ["definer"]
    assert broken(function.format("SECURITY INVOKER"), function.format("")) == []


@pytest.mark.parametrize(
    "rollback",
    [
        "SELECT pg_read_file('/etc/passwd');", "SELECT lo_import('/x');", "SELECT cron.unschedule('x');",
        "UPDATE orders SET total = dblink_exec('x')::int WHERE true;", "SELECT set_config('role', 'x', true);",
        "ALTER TABLE orders ADD COLUMN x text DEFAULT pg_read_file('x');", "SELECT evil.lower('x');",
    ],
)  # fmt: skip
def test_functions_that_could_do_anything_are_held(rollback: str) -> None:
    assert broken(rollback, ORDERS) == ["call"]


def test_rows_of_other_tables_are_not_copied_unseen() -> None:
    assert broken("INSERT INTO orders SELECT id FROM auth.users;", ORDERS) == ["reads"]
    assert broken("INSERT INTO orders WITH x AS (SELECT 1) SELECT * FROM x;", ORDERS) == []


# transactions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rollback",
    [
        "BEGIN; DROP TABLE a; COMMIT; DROP TABLE b;", "DROP TABLE a; BEGIN; DROP TABLE b; COMMIT;",
        "BEGIN; DROP TABLE a; DROP TABLE b;", "DROP TABLE a; COMMIT; DROP TABLE b;",
        "BEGIN; DROP TABLE a; COMMIT; BEGIN; DROP TABLE b; COMMIT;", "BEGIN; BEGIN; DROP TABLE a; COMMIT;",
        "BEGIN; DROP TABLE a; COMMIT; COMMIT;",
    ],
)  # fmt: skip
def test_a_rollback_that_may_be_left_half_done_is_blocked(rollback: str) -> None:
    both = "CREATE TABLE a (x int); CREATE TABLE b (x int);"
    assert "transaction" in broken(rollback, both)


def test_each_joined_script_may_have_a_transaction_of_its_own() -> None:
    joined = "-- 1.sql\nBEGIN; DROP TABLE a; COMMIT;\n-- 2.sql\nSTART TRANSACTION; DROP TABLE b; COMMIT;\n"
    assert broken(joined, "CREATE TABLE a (x int);", "CREATE TABLE b (x int);") == ["data-loss"] * 2


# what cannot be read ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rollback", "wanted"),
    [
        ("drop tabel x;", "unreadable"), ("DROP TABLE :name;", "unreadable"), (b"\xff", "unreadable"),
        (b"DROP TABLE orders;\0 DROP TABLE users;", "unreadable"), ("'", "unreadable"),
        ("\\! rm -rf /\n", "meta-command"), ("DROP TABLE orders;\n  \\connect x\n", "meta-command"),
        ("\\restrict x\nDROP TABLE orders;\n", "meta-command"), ("\\copy orders to x", "meta-command"),
        ("", "empty"), ("-- nothing\n/* at all */", "empty"), ("BEGIN; COMMIT;", "empty"), (";;", "empty"),
        ("SET lock_timeout = 1;", "empty"),
    ],
)  # fmt: skip
def test_what_is_no_script_is_blocked(rollback: str | bytes, wanted: str) -> None:
    (found,) = faults(rollback, ORDERS)
    assert found.rule == f"sql/{wanted}"
    assert found.subject is not None
    assert found.subject.kind is Kind.MEMBER


def test_a_backslash_in_a_text_is_no_command() -> None:
    text = "DELETE FROM roles WHERE a = 'x\n\\connect y';"
    assert broken(text, "INSERT INTO roles VALUES (1);") == []


@pytest.mark.parametrize(
    "migration",
    ["CREATE TABLE `a` (id INT AUTO_INCREMENT);", b"\xff", None, "\\restrict x\n" + ORDERS, "x" * (1 << 20)],
)  # fmt: skip
def test_a_migration_that_cannot_be_read_is_held_and_its_rollback_is_judged_by_kind(
    migration: str | bytes | None,
) -> None:
    (found, *_) = faults("DROP TABLE a;", migration)
    assert found.rule == "sql/migration"
    assert found.subject is not None
    assert (found.subject.kind, found.subject.name) == (Kind.PATH, b"supabase/migrations/0.sql")
    assert broken("DROP TABLE a;", migration) == ["migration", "data-loss"]
    assert broken("DROP TABLE `a`;", migration) == ["migration"]
    assert broken("DROP DATABASE a;", migration) == ["migration", "statement"]
    assert broken("\\! x", migration) == ["migration", "meta-command"]


def test_what_only_code_may_have_made_is_held() -> None:
    code = "DO $$ BEGIN EXECUTE 'CREATE TABLE ' || 'a (x int)'; END $$;"
    assert broken("DROP TABLE a;", code) == ["unseen-object", "data-loss"]


def test_without_a_rollback_nothing_is_read() -> None:
    assert broken(None, "no sql") == []


# bounds -------------------------------------------------------------------------------------------

DEEP = {
    "parentheses": "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
    "sums": "SELECT " + "1+" * 60_000 + "1",
    "casts": "SELECT 1" + "::int" * 25_000,
    "unions": "SELECT 1, 1" + " UNION SELECT 1, 1" * 6_000,
    "joins": "SELECT * FROM a" + " JOIN a ON true" * 8_000,
    "null": "SELECT a" + " ISNULL" * 18_000,
    "collations": "SELECT a" + " COLLATE c" * 12_000,
    "comments": "/*" * 60_000,
    "closed comments": "/**/" * 30_000 + "SELECT 1",
    "operators": "SELECT " + "+-" * 60_000 + "1",
    "semicolons": ";" * 130_000,
    "statements": "BEGIN;" * 20_000,
    "size": "SELECT '" + "x" * (16 << 20) + "'",
}


@pytest.mark.parametrize("name", DEEP)
def test_what_costs_the_parser_too_much_is_never_parsed(name: str) -> None:
    began = time.process_time()
    assert broken(DEEP[name], ORDERS) == ["limit"]
    assert broken("DROP TABLE orders;", DEEP[name])[0] == "migration"
    assert time.process_time() - began < 10


def test_large_rollbacks_of_ordinary_statements_are_judged() -> None:
    many = "".join(f"CREATE TABLE a{n} (x int);\n" for n in range(3000))
    undone = "".join(f"DROP TABLE a{n};\n" for n in range(3000))
    assert set(broken(undone, many)) == {"data-loss"}
    rows = (
        "INSERT INTO roles VALUES " + ",".join(f"({n}, 'name of {n}')" for n in range(4000)) + ";"  # noqa: S608
    )
    assert broken(rows, "DELETE FROM roles;") == []
    line = "-- " + "=" * 76 + "\n"
    assert broken(line * 500 + "DROP VIEW v;", "CREATE VIEW v AS SELECT 1;") == []


PIECES = st.sampled_from(
    ["DROP ", "TABLE ", "orders", "(", ")", ";", "'", '"', "$$", "--", "/*", "*/", "\n", "\\", "CREATE ", "ALTER ",
     "POLICY ", "FUNCTION ", "ON ", ",", ".", "SELECT ", "FROM ", "x", "1", "\0", "é", "COLUMN ", "AS ", "int", "SET "]
)  # fmt: skip
SCRIPTS = st.binary(max_size=60) | st.lists(PIECES, max_size=25).map(lambda p: "".join(p).encode())


@settings(max_examples=150, deadline=None)
@given(SCRIPTS, SCRIPTS)
def test_no_script_raises(rollback: bytes, migration: bytes) -> None:
    faults(rollback, migration)


STATEMENTS = st.sampled_from([m for m, *_ in UNDONE] + [r for _, r, _ in UNDONE])


@settings(max_examples=100, deadline=None)
@given(st.lists(STATEMENTS, max_size=4), st.lists(STATEMENTS, max_size=4))
def test_no_mixture_of_statements_raises(rollback: list[str], migration: list[str]) -> None:
    faults(";".join(rollback), ";".join(migration))
