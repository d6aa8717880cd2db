-- The ledger, version 1: events in one chain, the handoffs that they add up to, and the queue.
-- PostgreSQL 15 or newer, UTF-8, no extension. Privileges follow in grants.sql.
--
-- Whoever may insert gives a body and nothing else; place, link and state are the database's own.
-- The roles are Supabase's. Their privileges and the triggers protect the ledger from them, not the
-- policies: service_role bypasses row level security on a hosted project.

do $$
declare
  role text;
begin
  if current_setting('server_version_num')::int < 150000 then
    raise exception 'lanectl/database: PostgreSQL 15 or newer is needed';
  end if;
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'lanectl/database: the database must be encoded in UTF8';
  end if;
  foreach role in array array['anon', 'authenticated', 'service_role'] loop
    begin
      if not exists (select from pg_catalog.pg_roles where rolname = role) then
        execute format('create role %I nologin noinherit', role);
      end if;
    exception when duplicate_object or unique_violation then
      null;  -- roles belong to the server: another database's migration was faster
    end;
  end loop;
end $$;

create schema lanectl;

create table lanectl.versions (
  version integer primary key,
  installed timestamptz not null default now()
);

-- What each kind of event does: from which states it moves its handoff ('none': no row yet) into
-- the state of its own name; whether it is refused from any other; whether it needs the claim.
create table lanectl.kinds (
  kind text primary key,
  moves_from text[],
  is_strict boolean not null default false,
  claimed_only boolean not null default false
);

insert into lanectl.kinds (kind, moves_from, is_strict, claimed_only) values
  ('queued', '{none,queued,refused,held,conflicted,withdrawn}', true, false),
  ('withdrawn', '{queued,refused,held,conflicted,withdrawn}', true, false),
  ('refused', '{queued,refused,held,conflicted,withdrawn}', false, false),
  ('held', '{queued,refused,held,conflicted,withdrawn}', false, false),
  ('conflicted', '{queued,refused,held,conflicted,withdrawn}', false, false),
  ('applied', '{queued}', true, true),
  ('published', '{applied,published}', true, true),
  ('merged', '{applied,published}', false, false),
  ('rolled-back', '{applied,published,merged}', false, false);

insert into lanectl.kinds (kind)
select unnest(array[
  'created', 'claimed', 'admitted', 'step-intended', 'step-done', 'gate-result', 'drift-report', 'key',
  'verdict', 'approval', 'approval-withdrawn', 'override', 'key-revoked', 'frozen', 'lifted',
  'restored'
]);

-- `body` is what was hashed; the other columns come from it, so that they cannot say anything else.
create table lanectl.events (
  seq bigint primary key,
  prev text not null,
  hash text not null unique,
  body text not null check (octet_length(body) <= 262144),
  id text not null generated always as (body::jsonb ->> 'id') stored unique,
  kind text not null generated always as (body::jsonb ->> 'kind') stored,
  at text not null generated always as (body::jsonb ->> 'at') stored,
  handoff text generated always as (nullif(body::jsonb ->> 'handoff', '')) stored
);
create index events_of_handoff on lanectl.events (handoff, seq) where handoff is not null;
create index events_of_kind on lanectl.events (kind, seq);

-- The end of the chain. Its row lock lets one appender pass at a time, and gives a REPEATABLE READ
-- transaction that comes too late a serialization failure (40001), after which it may try again.
create table lanectl.head (
  one boolean primary key default true check (one),
  ledger text,
  seq bigint not null default 0,
  hash text not null default repeat('0', 64),
  at timestamptz
);
insert into lanectl.head default values;

-- `seq` is the event that moved the row last. The claim is no part of what events add up to.
create table lanectl.handoffs (
  key text primary key,
  repository text not null,
  base text not null,
  result_tree text not null,
  slug text not null,
  bundle text not null,
  state text not null,
  updated timestamptz not null,
  commit text,
  branch text not null default '',
  url text not null default '',
  seq bigint not null unique,
  holder text,
  token text,
  lease_until timestamptz,
  check ((holder is null) = (token is null) and (token is null) = (lease_until is null))
);
create index handoffs_queued on lanectl.handoffs (seq) where state = 'queued';
create index handoffs_of_slug on lanectl.handoffs (slug, seq);

-- Reading a body ---------------------------------------------------------------------------------

create function lanectl.malformed(why text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'lanectl/malformed: %', why using errcode = 'LN004';
end $$;

-- An instant from its one spelling, or null.
create function lanectl.instant(text) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  moment timestamptz;
begin
  if $1 !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$' then
    return null;
  end if;
  moment := $1::timestamptz;
  if to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') <> $1 then
    return null;  -- a second 60, an hour 24
  end if;
  return moment;
exception when data_exception then
  return null;
end $$;

-- The RFC 8785 text of an event's value. Only compared with, never stored.
create function lanectl.canonical(event jsonb) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select '{"actor":' || to_json(event ->> 'actor') || ',"at":' || to_json(event ->> 'at')
    || ',"data":{' || coalesce(string_agg(to_json(key) || ':' || to_json(value), ','
                                          order by key collate "C"), '') || '}'
    || ',"handoff":' || to_json(event ->> 'handoff') || ',"id":' || to_json(event ->> 'id')
    || ',"kind":' || to_json(event ->> 'kind') || ',"ledger":' || to_json(event ->> 'ledger')
    || ',"repository":' || to_json(event ->> 'repository') || '}'
  from jsonb_each_text(event -> 'data')
$$;

-- A body's value. Refused is what no reader would take.
create function lanectl.value_of(body text) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  event jsonb;
begin
  if body is null or octet_length(body) > 262144 then
    perform lanectl.malformed('a body has at most 262144 bytes');
  end if;
  begin
    event := body::jsonb;
  exception when data_exception or program_limit_exceeded then
    perform lanectl.malformed('the body is not JSON that every database can hold');
  end;
  if jsonb_typeof(event) <> 'object' or jsonb_typeof(event -> 'data') is distinct from 'object'
     or lanectl.canonical(event) is distinct from body then
    perform lanectl.malformed('the body is not the canonical text of an event');
  end if;
  if event ->> 'id' !~ '^[!-~]+$' or length(event ->> 'id') > 300
     or event ->> 'actor' !~ '^[ -~]+$' or length(event ->> 'actor') > 300
     or event ->> 'handoff' !~ '^([0-9a-f]{64})?$' or event ->> 'ledger' !~ '^[0-9a-f]{32}$'
     or event ->> 'repository' !~ '^[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~%+@:-]+)+$'
     or lanectl.instant(event ->> 'at') is null
     or not exists (select from lanectl.kinds k where k.kind = event ->> 'kind')
     or exists (select from jsonb_object_keys(event -> 'data') key
                where key !~ '^[a-z][a-z_]{0,39}$') then
    perform lanectl.malformed('a field of the body holds what it may not');
  end if;
  return event;
end $$;

create function lanectl.needed(data jsonb, name text, pattern text) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if coalesce(data ->> name !~ pattern, true) then
    perform lanectl.malformed('the data lack a good ' || name);
  end if;
  return data ->> name;
end $$;

-- Appending --------------------------------------------------------------------------------------

create function lanectl.link(prev text, seq bigint, body text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select encode(sha256(convert_to(prev || E'\n' || seq || E'\n' || body, 'UTF8')), 'hex')
$$;

create function lanectl.move(event jsonb, number bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  rule lanectl.kinds;
  this lanectl.handoffs;
  data jsonb := event -> 'data';
  moment timestamptz := lanectl.instant(event ->> 'at');
  object constant text := '^([0-9a-f]{40}|[0-9a-f]{64})$';
  digest constant text := '^[0-9a-f]{64}$';
begin
  select * into rule from lanectl.kinds k where k.kind = event ->> 'kind';
  if rule.moves_from is null or event ->> 'handoff' = '' then
    if rule.is_strict then
      raise exception 'lanectl/move: % is about a handoff, and names none', rule.kind
        using errcode = 'LN001';
    end if;
    return;
  end if;
  select * into this from lanectl.handoffs h where h.key = event ->> 'handoff' for update;
  if coalesce(this.state, 'none') <> all (rule.moves_from) then
    if rule.is_strict then
      raise exception 'lanectl/move: % is not possible: the handoff is %',
        rule.kind, coalesce(this.state, 'unknown') using errcode = 'LN001';
    end if;
    return;
  end if;
  if rule.claimed_only and coalesce(data ->> 'claim' <> this.token, true) then
    raise exception 'lanectl/claim: % needs the claim on the handoff', rule.kind
      using errcode = 'LN002';
  end if;
  case rule.kind
    when 'queued' then
      insert into lanectl.handoffs as h
        (key, repository, base, result_tree, slug, bundle, state, updated, seq)
      values (
        event ->> 'handoff', event ->> 'repository', lanectl.needed(data, 'base', object),
        lanectl.needed(data, 'result_tree', object),
        lanectl.needed(data, 'slug', '^[a-z0-9][a-z0-9-]{0,62}$'),
        lanectl.needed(data, 'bundle', digest), 'queued', moment, number)
      on conflict (key) do update set
        repository = excluded.repository, base = excluded.base, slug = excluded.slug,
        result_tree = excluded.result_tree, bundle = excluded.bundle, state = excluded.state,
        updated = excluded.updated, seq = excluded.seq;
      perform pg_notify('lanectl', '');
    when 'applied' then
      update lanectl.handoffs h set
        state = rule.kind, updated = moment, seq = number,
        bundle = lanectl.needed(data, 'bundle', digest),
        commit = lanectl.needed(data, 'commit', object), branch = lanectl.needed(data, 'branch', '')
      where h.key = this.key;
    when 'published' then
      update lanectl.handoffs h set
        state = rule.kind, updated = moment, seq = number, url = lanectl.needed(data, 'url', '')
      where h.key = this.key;
    else
      update lanectl.handoffs h set state = rule.kind, updated = moment, seq = number
      where h.key = this.key;
  end case;
end $$;

create function lanectl.append() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  event jsonb := lanectl.value_of(new.body);
  moment timestamptz := lanectl.instant(event ->> 'at');
  last lanectl.head;
begin
  select * into last from lanectl.head for update;
  if exists (select from lanectl.events e where e.id = event ->> 'id') then
    raise exception 'lanectl/id: an event of this id is there' using errcode = 'unique_violation';
  end if;
  if (last.seq = 0) <> (event ->> 'kind' = 'created') then
    perform lanectl.malformed('the first event of a ledger, and no other, creates it');
  end if;
  if event ->> 'ledger' <> last.ledger then
    perform lanectl.malformed('the event names another ledger');
  end if;
  if moment < last.at - interval '300 s' then
    raise exception 'lanectl/clock: the event is more than 300 s older than the last one'
      using errcode = 'LN003';
  end if;
  if moment > clock_timestamp() + interval '300 s' then
    raise exception 'lanectl/clock: the event is more than 300 s ahead of the database'
      using errcode = 'LN003';
  end if;
  new.seq := last.seq + 1;
  new.prev := last.hash;
  new.hash := lanectl.link(new.prev, new.seq, new.body);
  perform lanectl.move(event, new.seq);
  update lanectl.head
  set ledger = event ->> 'ledger', seq = new.seq, hash = new.hash, at = moment;
  return new;
end $$;

-- Append an event, or return the one that its id already names.
create function lanectl.record(p_body text)
returns table (seq bigint, prev text, hash text, body text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_id text := lanectl.value_of(p_body) ->> 'id';
begin
  perform from lanectl.head for update;
  return query select e.seq, e.prev, e.hash, e.body from lanectl.events e where e.id = v_id;
  if not found then
    return query insert into lanectl.events as e (body) values (p_body)
      returning e.seq, e.prev, e.hash, e.body;
  end if;
end $$;

-- Claims: the database's clock rules, the token is the fence --------------------------------------

create function lanectl.lease(p_holder text, p_token text, p_seconds integer) returns timestamptz
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if coalesce(p_holder !~ '^[^[:cntrl:]]+$' or length(p_holder) > 300, true) then
    perform lanectl.malformed('a holder is one line of at most 300 characters');
  end if;
  if coalesce(p_token !~ '^[0-9a-f]{32}$', true) then
    perform lanectl.malformed('a token has 32 lower-case hex digits');
  end if;
  if coalesce(p_seconds not between 0 and 86400, true) then
    perform lanectl.malformed('a lease lasts 0 to 86400 seconds');
  end if;
  return clock_timestamp() + make_interval(secs => p_seconds);
end $$;

-- Take a handoff's claim, or say whose it is. The same token again takes it again.
create function lanectl.claim(
  p_key text, p_holder text, p_token text, p_seconds integer, p_over text default null
) returns table (taken boolean, holder text, token text, lease_until timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_until timestamptz := lanectl.lease(p_holder, p_token, p_seconds);
  v_row lanectl.handoffs;
begin
  select * into v_row from lanectl.handoffs h where h.key = p_key for update;
  if not found then
    raise exception 'lanectl/claim: no such handoff' using errcode = 'LN002';
  end if;
  if v_row.token is null or v_row.lease_until <= clock_timestamp()
     or v_row.token in (p_token, p_over) then
    update lanectl.handoffs h
    set holder = p_holder,
        token = p_token, lease_until = v_until
    where h.key = p_key returning h.* into v_row;
  end if;
  return query select v_row.token = p_token, v_row.holder, v_row.token, v_row.lease_until;
end $$;

-- Take the claim on the queued handoff that waits longest. The same token again gets the same one.
create function lanectl.claim_next(p_holder text, p_token text, p_seconds integer)
returns setof lanectl.handoffs
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_until timestamptz := lanectl.lease(p_holder, p_token, p_seconds);
  v_key text;
begin
  select h.key into v_key from lanectl.handoffs h
  where h.state = 'queued' and h.token = p_token limit 1 for update;
  if not found then
    select h.key into v_key from lanectl.handoffs h
    where h.state = 'queued' and (h.token is null or h.lease_until <= clock_timestamp())
    order by h.seq limit 1 for update skip locked;
  end if;
  return query update lanectl.handoffs h
    set holder = p_holder,
        token = p_token, lease_until = v_until
    where h.key = v_key returning h.*;
end $$;

create function lanectl.renew(p_key text, p_token text, p_seconds integer) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update lanectl.handoffs h set lease_until = lanectl.lease(h.holder, p_token, p_seconds)
  where h.key = p_key and h.token = p_token;
  return found;
end $$;

create function lanectl.release(p_key text, p_token text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update lanectl.handoffs h set holder = null, token = null, lease_until = null
  where h.key = p_key and h.token = p_token;
  if found then
    perform pg_notify('lanectl', '');
    return true;
  end if;
  return false;
end $$;

-- Nobody rewrites --------------------------------------------------------------------------------

create function lanectl.keep() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'lanectl/append-only: % of lanectl.% is refused', lower(tg_op), tg_table_name
    using errcode = 'insufficient_privilege';
end $$;

-- Only the trigger on events moves handoffs and the head; by hand, a claim is all that changes.
create function lanectl.guard() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  claim constant text[] := '{holder,token,lease_until}';
begin
  if pg_trigger_depth() > 1 then
    return new;
  end if;
  if tg_table_name = 'handoffs' and tg_op = 'UPDATE'
     and to_jsonb(new) - claim = to_jsonb(old) - claim then
    return new;
  end if;
  raise exception 'lanectl/append-only: lanectl.% follows the events', tg_table_name
    using errcode = 'insufficient_privilege';
end $$;

create trigger append before insert on lanectl.events
  for each row execute function lanectl.append();
create trigger keep before update or delete on lanectl.events
  for each row execute function lanectl.keep();
create trigger keep_all before truncate on lanectl.events
  for each statement execute function lanectl.keep();
create trigger guard before insert or update on lanectl.handoffs
  for each row execute function lanectl.guard();
create trigger keep before delete on lanectl.handoffs
  for each row execute function lanectl.keep();
create trigger keep_all before truncate on lanectl.handoffs
  for each statement execute function lanectl.keep();
create trigger guard before insert or update on lanectl.head
  for each row execute function lanectl.guard();
create trigger keep before delete on lanectl.head
  for each row execute function lanectl.keep();
create trigger keep_all before truncate on lanectl.head
  for each statement execute function lanectl.keep();

-- always: also where session_replication_role says replica
alter table lanectl.events enable always trigger append;
alter table lanectl.events enable always trigger keep;
alter table lanectl.events enable always trigger keep_all;
alter table lanectl.handoffs enable always trigger guard;
alter table lanectl.handoffs enable always trigger keep;
alter table lanectl.handoffs enable always trigger keep_all;
alter table lanectl.head enable always trigger guard;
alter table lanectl.head enable always trigger keep;
alter table lanectl.head enable always trigger keep_all;

-- Not forced: the functions act as the owner. A grant to anon by mistake shows no row.
alter table lanectl.versions enable row level security;
alter table lanectl.kinds enable row level security;
alter table lanectl.head enable row level security;
alter table lanectl.events enable row level security;
alter table lanectl.handoffs enable row level security;
create policy reads on lanectl.events for select to service_role using (true);
create policy appends on lanectl.events for insert to service_role with check (true);
create policy reads on lanectl.handoffs for select to service_role using (true);

-- Views ------------------------------------------------------------------------------------------

create view lanectl.status with (security_barrier) as
  select slug, bundle, state, updated, branch, url, key, repository, base, result_tree, commit, seq
  from lanectl.handoffs;

create view lanectl.verdicts with (security_invoker) as
  select seq, at, id, kind, handoff, body::jsonb ->> 'actor' as actor, body::jsonb -> 'data' as data
  from lanectl.events where kind = 'verdict';
create view lanectl.approvals with (security_invoker) as
  select seq, at, id, kind, handoff, body::jsonb ->> 'actor' as actor, body::jsonb -> 'data' as data
  from lanectl.events where kind in ('approval', 'approval-withdrawn', 'override');
create view lanectl.gate_results with (security_invoker) as
  select seq, at, id, kind, handoff, body::jsonb ->> 'actor' as actor, body::jsonb -> 'data' as data
  from lanectl.events where kind = 'gate-result';
create view lanectl.keys with (security_invoker) as
  select seq, at, id, kind, handoff, body::jsonb ->> 'actor' as actor, body::jsonb -> 'data' as data
  from lanectl.events where kind in ('key', 'key-revoked');
create view lanectl.drift_reports with (security_invoker) as
  select seq, at, id, kind, handoff, body::jsonb ->> 'actor' as actor, body::jsonb -> 'data' as data
  from lanectl.events where kind = 'drift-report';
