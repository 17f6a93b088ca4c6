-- Two sagas may share an id. In the ledger the tombstone's key is now the saga's name; no row and no
-- index changes, so this takes no time however full the ledger is. Replicas of version 0.1 do not
-- look at the key of a tombstone, and go on.
--
-- As before, but of a tombstone without a name, which version 0.1 wrote, `arrived` is the event that
-- aborted: it tells the saga.
create or replace function ballet.receive(
    locks bigint[],
    timed_ids uuid[], other_ids uuid[],
    timed_sagas uuid[], other_sagas uuid[]
)
returns table (
    message_id uuid, saga_id uuid, step text, key text, entry text, arrived text, ordinal int
)
language plpgsql volatile
set plan_cache_mode = 'force_generic_plan'
as $$
#variable_conflict use_column
begin
    perform pg_advisory_xact_lock(wanted) from unnest(locks) as wanted;
    if cardinality(timed_ids) > 0 then
        return query insert into ballet.inbox as i (message_id) select unnest(timed_ids)
            on conflict do nothing
            returning i.message_id, null::uuid, null::text, null::text, null::text, null::text, null::int;
    end if;
    if cardinality(other_ids) > 0 then
        return query insert into ballet.inbox_other as i (message_id) select unnest(other_ids)
            on conflict do nothing
            returning i.message_id, null::uuid, null::text, null::text, null::text, null::text, null::int;
    end if;
    -- Saga by saga: for `= any` a plan that is made while the table is small, and then kept, reads
    -- all of it. The bounds leave only the partitions that are needed to be opened.
    if cardinality(timed_sagas) > 0 then
        return query select null::uuid, l.saga_id, l.step, l.key, l.entry,
                case when l.step = '' and l.key = '' then coalesce(l.event_type, '') else l.arrived end,
                l.ordinal
            from unnest(timed_sagas) as wanted (saga_id) cross join lateral
                (select * from ballet.ledger l where l.saga_id = wanted.saga_id
                    and l.saga_id >= timed_sagas[1]
                    and l.saga_id <= timed_sagas[cardinality(timed_sagas)] offset 0) l
            order by l.saga_id, l.ordinal;
    end if;
    if cardinality(other_sagas) > 0 then
        return query select null::uuid, l.saga_id, l.step, l.key, l.entry,
                case when l.step = '' and l.key = '' then coalesce(l.event_type, '') else l.arrived end,
                l.ordinal
            from unnest(other_sagas) as wanted (saga_id) cross join lateral
                (select * from ballet.ledger_other l where l.saga_id = wanted.saga_id offset 0) l
            order by l.saga_id, l.ordinal;
    end if;
end $$;

-- Each saga has its own deadline. The table is short: it holds undecided sagas only. Whoever waits
-- for an exclusive lock makes all others wait behind it, so this asks for it again and again.
do $$
begin
    loop
        begin
            set local lock_timeout = '200ms';
            alter table ballet.deadline drop constraint deadline_pkey,
                add constraint deadline_pkey primary key (saga_id, saga);
            exit;
        exception when lock_not_available then
            perform pg_sleep(0.5);
        end;
    end loop;
end $$;
