"""Nobody does more in the ledger's schema than is wanted: every act tried, as every role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lanectl.adapters.ledger.migrate import apply_grants, grant_problems, migrate
from lanectl.errors import RefusedError
from tests.ledger import rig
from tests.ledger.on_postgres import GENESIS, fresh, template
from tests.ledger.telling import VERSIONS, body, queued

Connection = psycopg.Connection[Any]

FORBIDDEN = (
    "update lanectl.events set body = body", "delete from lanectl.events", "truncate lanectl.events",
    "insert into lanectl.events (seq, prev, hash, body) values (9, '', '', '')",
    "insert into lanectl.events (body, hash) values ('', '')",
    "insert into lanectl.handoffs (key) values ('')", "delete from lanectl.handoffs",
    "update lanectl.handoffs set state = 'applied'", "update lanectl.handoffs set token = null",
    "truncate lanectl.handoffs", "select from lanectl.handoffs for update",
    "select from lanectl.head", "update lanectl.head set seq = 0", "delete from lanectl.head",
    "select from lanectl.versions", "insert into lanectl.versions (version) values (9)",
    "select from lanectl.kinds", "update lanectl.kinds set moves_from = null",
    "insert into lanectl.status (slug) values ('')", "delete from lanectl.status",
    "update lanectl.status set state = 'applied'", "delete from lanectl.verdicts",
    "alter table lanectl.events disable trigger all", "alter table lanectl.events add x text",
    "alter table lanectl.events disable row level security", "drop trigger keep on lanectl.events",
    "drop table lanectl.events", "drop schema lanectl cascade", "drop view lanectl.status",
    "drop function lanectl.append() cascade", "alter table lanectl.events owner to current_user",
    "lock table lanectl.events in access exclusive mode", "set session_replication_role = replica",
    "select lanectl.append()", "select lanectl.keep()", "select lanectl.guard()",
    "select lanectl.move('{}', 1)", "select lanectl.value_of('{}')", "select lanectl.link('', 1, '')",
    "select lanectl.instant('')", "select lanectl.lease('', '', 1)", "create table lanectl.x ()",
    "create function lanectl.x() returns int language sql as 'select 1'",
    "create view lanectl.x as select 1", "create policy x on lanectl.events using (true)",
    "create trigger x before insert on lanectl.events for each row execute function lanectl.append()",
    "create index on lanectl.events (seq)", "create rule x as on insert to lanectl.events do nothing",
    "alter function lanectl.append() security invoker",
)  # fmt: skip

ENFORCERS = (
    "select from lanectl.events", "select from lanectl.handoffs", "select from lanectl.verdicts",
    "select from lanectl.approvals", "select from lanectl.gate_results", "select from lanectl.keys",
    "select from lanectl.drift_reports", "insert into lanectl.events (body) values ('<BODY>')",
    "select lanectl.record('<BODY>')", "select lanectl.claim('<KEY>', 'me', '<TOKEN>', 60)",
    "select lanectl.claim_next('me', '<TOKEN>', 60)", "select lanectl.renew('<KEY>', '<TOKEN>', 60)",
    "select lanectl.release('<KEY>', '<TOKEN>')", "listen lanectl",
)  # fmt: skip


@pytest.fixture(scope="module", params=VERSIONS)
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with one queued handoff; nothing that a test does in it lasts."""
    server = rig.server(request.param)
    one = server.database(template(request.param))
    with psycopg.connect(server.dsn(one), autocommit=True) as connection:
        connection.execute("select lanectl.record(%s)", [body(queued("a"))])
    yield server.dsn(one)
    server.drop(one)


@pytest.fixture
def db(name: str) -> Iterator[Connection]:
    with psycopg.connect(name) as connection:
        yield connection
        connection.rollback()


def tried(db: Connection, role: str, act: str) -> str:
    """Do something as a role and undo it; return its SQLSTATE, empty for success."""
    words = {"BODY": body(queued("b")), "KEY": str(queued("a").handoff), "TOKEN": "a" * 32}
    for word, text in words.items():
        act = act.replace(f"<{word}>", text)
    try:
        with db.transaction(force_rollback=True):
            if role:
                db.execute(f"set local role {role}".encode())
            db.execute(act.encode())
    except psycopg.Error as error:
        return error.sqlstate or "none"
    return ""


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", "pg_monitor"])
def test_no_role_touches_what_others_wrote(db: Connection, role: str) -> None:
    wrong = {act: state for act in FORBIDDEN if (state := tried(db, role, act)) != "42501"}
    assert wrong == {}


def test_an_enforcer_may_do_its_work(db: Connection) -> None:
    assert {act: tried(db, "service_role", act) for act in ENFORCERS} == dict.fromkeys(
        ENFORCERS, ""
    )
    assert tried(db, "service_role", "select from lanectl.status") == "42501"


@pytest.mark.parametrize("role", ["anon", "authenticated", "pg_monitor"])
def test_the_others_see_the_status_at_most(db: Connection, role: str) -> None:
    acts = ENFORCERS[:-1]  # anyone may listen: a wake-up says nothing
    assert {act: tried(db, role, act) for act in acts} == dict.fromkeys(acts, "42501")
    stranger = role == "pg_monitor"
    assert tried(db, role, "select * from lanectl.status") == ("42501" if stranger else "")


def test_the_status_shows_no_claim_and_no_finding(db: Connection) -> None:
    db.execute("set local role anon")
    cursor = db.execute("select * from lanectl.status")
    assert {one.name for one in cursor.description or ()} == {
        "slug", "bundle", "state", "updated", "branch", "url", "key", "repository", "base",
        "result_tree", "commit", "seq",
    }  # fmt: skip
    assert len(cursor.fetchall()) == 1


KEPT = (
    "update lanectl.events set body = body", "delete from lanectl.events", "truncate lanectl.events",
    "update lanectl.handoffs set state = 'merged'", "update lanectl.handoffs set seq = 9",
    "delete from lanectl.handoffs", "truncate lanectl.handoffs", "update lanectl.head set seq = 0",
    "delete from lanectl.head", "truncate lanectl.head, lanectl.events, lanectl.handoffs",
    "insert into lanectl.handoffs (key, state, seq) values ('', 'merged', 9)",
)  # fmt: skip


@pytest.mark.parametrize("mode", ["origin", "replica"])
def test_even_a_superuser_meets_the_triggers(db: Connection, mode: str) -> None:
    db.execute(f"set session_replication_role = {mode}".encode())
    assert {act: tried(db, "", act) for act in KEPT} == dict.fromkeys(KEPT, "42501")
    assert tried(db, "", "insert into lanectl.events (body) values ('no event')") == "LN004"


def test_the_owner_need_not_be_a_superuser_and_meets_the_triggers() -> None:
    """As on a hosted project, where defaults grant everything on whatever is made."""
    server = rig.server(rig.DEFAULT)
    one = server.database()
    with psycopg.connect(server.dsn(one), autocommit=True) as db:
        db.execute("drop role if exists keeper")
        db.execute("create role keeper login")
        db.execute(f"alter database {one} owner to keeper".encode())
        for kind in ("tables", "functions", "sequences", "schemas"):
            db.execute(
                f"alter default privileges for role keeper grant all on {kind}"
                " to anon, authenticated, service_role".encode()
            )
    assert migrate(server.dsn(one, "keeper"), GENESIS).changed
    assert not migrate(server.dsn(one, "keeper"), GENESIS).changed
    with psycopg.connect(server.dsn(one)) as db:
        assert grant_problems(db) == []
        refused = {act: tried(db, "anon", act) for act in FORBIDDEN}
        assert refused == dict.fromkeys(FORBIDDEN, "42501")
    with psycopg.connect(server.dsn(one, "keeper")) as db:
        db.execute("select lanectl.record(%s)", [body(queued("a"))])
        assert {act: tried(db, "", act) for act in KEPT} == dict.fromkeys(KEPT, "42501")
        assert tried(db, "", "set session_replication_role = replica") == "42501"
    server.drop(one)
    with psycopg.connect(server.dsn(), autocommit=True) as db:
        db.execute("drop role keeper")


WIDER = {
    "grant select on lanectl.events to anon": "too many: anon: SELECT on events",
    "grant update (state) on lanectl.handoffs to service_role": "too many: service_role: UPDATE on handoffs.state",
    "grant insert on lanectl.events to public": "too many: PUBLIC: INSERT on events",
    "grant execute on function lanectl.append() to anon": "too many: anon: EXECUTE on append()",
    "grant create on schema lanectl to service_role": "too many: service_role: CREATE on the schema",
    "grant select on lanectl.events to service_role with grant option": "too many: service_role: SELECT on events with grant option",
    "alter default privileges in schema lanectl grant all on functions to anon": "too many: anon: EXECUTE on what postgres creates in the schema",
    "create function lanectl.extra() returns int language sql as 'select 1'": "too many: PUBLIC: EXECUTE on extra()",
    "create table lanectl.extra (); grant select on lanectl.extra to anon": "too many: anon: SELECT on extra",
    "revoke select on lanectl.events from service_role": "missing: service_role: SELECT on events",
    "revoke usage on schema lanectl from anon": "missing: anon: USAGE on the schema",
    "grant service_role to anon": "anon is a member of service_role",
    "grant pg_write_all_data to service_role": "service_role is a member of pg_write_all_data",
    "alter role anon bypassrls": "anon has BYPASSRLS",
    "alter role service_role superuser": "service_role has SUPERUSER",
    "alter table lanectl.handoffs owner to pg_monitor": "handoffs belongs to pg_monitor, not to the owner of the schema",
    "alter schema lanectl owner to service_role": "service_role owns the schema",
    "alter table lanectl.events disable trigger keep": "the trigger events.keep is missing or not always on",
    "alter table lanectl.events enable trigger append": "the trigger events.append is missing or not always on",
    "alter table lanectl.head disable row level security": "row level security is off on head",
}  # fmt: skip


@pytest.mark.parametrize("change", WIDER)
def test_every_change_of_a_privilege_is_found(db: Connection, change: str) -> None:
    assert grant_problems(db) == []
    db.execute(change.encode())
    assert WIDER[change] in grant_problems(db)


def test_what_cannot_matter_is_no_problem(db: Connection) -> None:
    """anon creates nothing in the schema, so nobody can block a migration by what it would grant."""
    db.execute("set local role anon")
    db.execute("alter default privileges in schema lanectl grant all on tables to anon")
    db.execute("reset role")
    assert grant_problems(db) == []


def test_migrating_again_puts_grants_right_and_names_what_it_cannot(tmp_path: Path) -> None:
    with fresh(tmp_path) as address:
        admin = address.replace("enforcer_login", rig.OWNER)
        with psycopg.connect(admin, autocommit=True) as db:
            db.execute("grant all on all tables in schema lanectl to anon, public")
            db.execute("grant all on all functions in schema lanectl to authenticated")
            for kind in ("tables", "functions", "sequences"):
                db.execute(
                    f"alter default privileges in schema lanectl grant all on {kind} to anon".encode()
                )
            assert len(grant_problems(db)) > 50
            assert migrate(admin, GENESIS).changed
            assert grant_problems(db) == []
            db.execute("revoke all on all tables in schema lanectl from service_role")
            apply_grants(db)
            assert grant_problems(db) == []
            db.execute("alter table lanectl.events disable trigger keep")
        with pytest.raises(RefusedError) as caught:
            migrate(admin, GENESIS)
        assert "events.keep" in caught.value.why
