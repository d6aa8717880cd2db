"""The tables of a ledger in SQLite, and the triggers that let them only grow. No code, only SQL."""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
"""Of the schema, in the file's `user_version`."""

APPLICATION: Final = 0x6C616E65
"""`lane`, in the file's `application_id`."""

_EVENTS: Final = """
create table events (
  seq integer primary key,
  prev text not null,
  hash text not null,
  body text not null check (json_valid(body) and length(cast(body as blob)) <= 262144),
  id text not null generated always as (json_extract(body, '$.id')) virtual unique,
  kind text not null generated always as (json_extract(body, '$.kind')) virtual,
  at text not null generated always as (json_extract(body, '$.at')) virtual,
  handoff text not null generated always as (json_extract(body, '$.handoff')) virtual
) strict"""

_HANDOFFS: Final = """
create table handoffs (
  key text primary key,
  repository text not null,
  base text not null,
  result_tree text not null,
  slug text not null,
  bundle text not null,
  state text not null,
  updated text not null,
  "commit" text,
  branch text not null,
  url text not null,
  seq integer not null references events,  -- of the event that moved it last
  holder text,
  token text,
  lease_until real  -- seconds since 1970
) strict, without rowid"""

# `sha256` is a function of lanectl's own connections, so that no other program appends by chance.
# The id is compared here, since INSERT OR REPLACE would delete the row of a unique one.
_CHAIN: Final = """
create trigger events_chain before insert on events begin
  select raise(abort, 'lanectl/malformed: the event is not the next of the chain')
  where new.seq is not (select coalesce(max(seq), 0) + 1 from events)
    or new.prev is not coalesce(
      (select hash from events order by seq desc limit 1),
      '0000000000000000000000000000000000000000000000000000000000000000')
    or new.hash is not sha256(new.prev || char(10) || new.seq || char(10) || new.body);
  select raise(abort, 'lanectl/malformed: the event is of another ledger')
  where exists (select 1 from events where seq = 1
    and json_extract(body, '$.ledger') is not json_extract(new.body, '$.ledger'));
  select raise(abort, 'lanectl/malformed: an event of this id is there')
  where exists (select 1 from events where id = json_extract(new.body, '$.id'));
end"""

_NO_UPDATE: Final = """
create trigger events_no_update before update on events begin
  select raise(abort, 'lanectl/malformed: events are never changed');
end"""

_NO_DELETE: Final = """
create trigger events_no_delete before delete on events begin
  select raise(abort, 'lanectl/malformed: events are never deleted');
end"""

STATEMENTS: Final = (
    f"pragma application_id = {APPLICATION}",
    f"pragma user_version = {VERSION}",
    _EVENTS,
    "create index events_of_handoff on events (handoff)",
    "create index events_of_kind on events (kind)",
    _HANDOFFS,
    "create index handoffs_of_slug on handoffs (slug)",
    "create index handoffs_in_order on handoffs (seq)",
    "create index handoffs_queued on handoffs (seq) where state = 'queued'",
    _CHAIN,
    _NO_UPDATE,
    _NO_DELETE,
)
