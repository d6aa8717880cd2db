-- Who may do what in the ledger: nothing, then the least. Harmless to run again, at any time.
-- Default privileges of a hosted project grant widely to what a migration creates; this takes it back.

revoke all on schema lanectl from public, anon, authenticated, service_role cascade;
revoke all on all tables in schema lanectl from public, anon, authenticated, service_role cascade;
revoke all on all sequences in schema lanectl from public, anon, authenticated, service_role cascade;
revoke all on all routines in schema lanectl from public, anon, authenticated, service_role cascade;

alter default privileges in schema lanectl
  revoke all on tables from public, anon, authenticated, service_role;
alter default privileges in schema lanectl
  revoke all on sequences from public, anon, authenticated, service_role;
alter default privileges in schema lanectl
  revoke all on routines from public, anon, authenticated, service_role;

grant usage on schema lanectl to anon, authenticated, service_role;
grant select on lanectl.status to anon, authenticated;
grant select on
  lanectl.events, lanectl.handoffs, lanectl.verdicts, lanectl.approvals, lanectl.gate_results,
  lanectl.keys, lanectl.drift_reports
to service_role;
grant insert (body) on lanectl.events to service_role;
grant execute on function
  lanectl.record(text), lanectl.claim(text, text, text, integer, text),
  lanectl.claim_next(text, text, integer), lanectl.renew(text, text, integer),
  lanectl.release(text, text)
to service_role;
