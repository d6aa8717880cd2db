"""Who may do what in the ledger's schema, asked of the database itself. Grants nothing.

What a migration says is not what a database holds: hosted projects grant widely by default, and
people grant by hand. So the actual privileges are compared with the wanted ones, one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

ROLES: Final = ("anon", "authenticated", "service_role")

_READ: Final = (
    "events", "handoffs", "verdicts", "approvals", "gate_results", "keys", "drift_reports",
)  # fmt: skip
_CALLED: Final = (
    "record(p_body text)",
    "claim(p_key text, p_holder text, p_token text, p_seconds integer, p_over text)",
    "claim_next(p_holder text, p_token text, p_seconds integer)",
    "renew(p_key text, p_token text, p_seconds integer)",
    "release(p_key text, p_token text)",
)
WANTED: Final = frozenset(
    {
        *(f"{role}: USAGE on the schema" for role in ROLES),
        "anon: SELECT on status",
        "authenticated: SELECT on status",
        *(f"service_role: SELECT on {name}" for name in _READ),
        "service_role: INSERT on events.body",
        *(f"service_role: EXECUTE on {name}" for name in _CALLED),
    }
)
"""Every privilege in the schema that is not its owner's."""

_GUARDS: Final = frozenset(
    f"{table}.{trigger}"
    for table, triggers in {
        "events": ("append", "keep", "keep_all"),
        "handoffs": ("guard", "keep", "keep_all"),
        "head": ("guard", "keep", "keep_all"),
    }.items()
    for trigger in triggers
)
_TABLES: Final = frozenset({"versions", "kinds", "head", "events", "handoffs"})

_GRANTED: Final = b"""
with here as (select oid, nspowner, nspacl from pg_namespace where nspname = 'lanectl'),
given (object, owner, acl) as (
  select 'the schema', nspowner, coalesce(nspacl, acldefault('n', nspowner)) from here
  union all
  select c.relname::text, c.relowner,
    coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))
  from pg_class c, here where c.relnamespace = here.oid and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
  union all
  select c.relname || '.' || a.attname, c.relowner, a.attacl
  from pg_attribute a join pg_class c on c.oid = a.attrelid, here
  where c.relnamespace = here.oid and a.attacl is not null
  union all
  select p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', p.proowner,
    coalesce(p.proacl, acldefault('f', p.proowner))
  from pg_proc p, here where p.pronamespace = here.oid
  union all
  select 'what ' || pg_get_userbyid(d.defaclrole) || ' creates in the schema', d.defaclrole, d.defaclacl
  from pg_default_acl d, here
  where d.defaclnamespace = here.oid and has_schema_privilege(d.defaclrole, here.oid, 'create')
)
select case g.grantee when 0 then 'PUBLIC' else pg_get_userbyid(g.grantee)::text end || ': '
  || g.privilege_type || ' on ' || object
  || case when g.is_grantable then ' with grant option' else '' end
from given, aclexplode(acl) g where g.grantee <> owner
"""

_OWNERS: Final = b"""
with here as (select oid, nspowner from pg_namespace where nspname = 'lanectl')
select c.relname::text, pg_get_userbyid(c.relowner)::text from pg_class c, here
where c.relnamespace = here.oid and c.relowner <> here.nspowner
union all
select p.proname::text, pg_get_userbyid(p.proowner)::text from pg_proc p, here
where p.pronamespace = here.oid and p.proowner <> here.nspowner
"""

_POWERS: Final = b"""
select r.rolname::text, t.rolname::text from pg_roles r, pg_roles t
where r.rolname = any (%s) and r.oid <> t.oid and pg_has_role(r.oid, t.oid, 'MEMBER')
  and (t.oid = (select nspowner from pg_namespace where nspname = 'lanectl')
       or t.rolsuper or t.rolname in ('pg_read_all_data', 'pg_write_all_data', 'pg_maintain',
         'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
       or (t.rolname = 'service_role' and r.rolname <> 'service_role'))
"""

_ATTRIBUTES: Final = b"""
select rolname::text, rolsuper, rolcreaterole, rolbypassrls and rolname <> 'service_role',
  oid = (select nspowner from pg_namespace where nspname = 'lanectl')
from pg_roles where rolname = any (%s)
"""

_TRIGGERS: Final = b"""
select c.relname || '.' || t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
  join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'lanectl' and t.tgenabled = 'A'
"""

_POLICED: Final = b"""
select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'lanectl' and c.relkind = 'r' and c.relrowsecurity
"""


def grant_problems(connection: Connection[Any]) -> list[str]:
    """Return what lets somebody do more or less in the ledger than is wanted; empty: all is well.

    Privileges on the schema, its tables, columns, functions and on what will be created there;
    owners, memberships and powers of the three roles; triggers and row level security switched off.
    """
    return [display(problem) for problem in _problems(connection)]


def _problems(connection: Connection[Any]) -> Iterator[str]:
    actual = _names(connection, _GRANTED)
    yield from (f"too many: {name}" for name in sorted(actual - WANTED))
    yield from (f"missing: {name}" for name in sorted(WANTED - actual))
    for name, owner in connection.execute(_OWNERS).fetchall():
        yield f"{name} belongs to {owner}, not to the owner of the schema"
    for role, target in connection.execute(_POWERS, [list(ROLES)]).fetchall():
        yield f"{role} is a member of {target}"
    for role, *has in connection.execute(_ATTRIBUTES, [list(ROLES)]).fetchall():
        powers = ("SUPERUSER", "CREATEROLE", "BYPASSRLS")
        yield from (f"{role} has {power}" for power, one in zip(powers, has, strict=False) if one)
        if has[-1]:
            yield f"{role} owns the schema"
    for name in sorted(_GUARDS - _names(connection, _TRIGGERS)):
        yield f"the trigger {name} is missing or not always on"
    for name in sorted(_TABLES - _names(connection, _POLICED)):
        yield f"row level security is off on {name}"


def _names(connection: Connection[Any], query: bytes) -> set[str]:
    return {str(row[0]) for row in connection.execute(query).fetchall()}
