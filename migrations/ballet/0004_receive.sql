-- How a transaction begins, in one round trip: it takes the locks of its sagas, notes its messages
-- down, and reads what the ledger has of the sagas. Each statement of a volatile function sees what
-- was committed before that statement began, so what is read is what the locks protect.
--
-- Returns a row with a message's id for each message that is new here, and a row without for each
-- row of the ledger. Locks and ids come sorted: whoever takes them in one order everywhere never
-- waits in a circle.
create function ballet.receive(
    locks bigint[],
    timed_ids uuid[], other_ids uuid[],
    timed_sagas uuid[], other_sagas uuid[]
)
returns table (
    message_id uuid, saga_id uuid, step text, key text, entry text, arrived text, ordinal int
)
language plpgsql volatile
-- Its plans are the same whatever it is given, and planning for each partition costs more than all
-- the rest of a small batch.
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
        return query select null::uuid, l.saga_id, l.step, l.key, l.entry, l.arrived, l.ordinal
            from unnest(timed_sagas) as wanted (saga_id) cross join lateral
                (select * from ballet.ledger l where l.saga_id = wanted.saga_id
                    and l.saga_id >= timed_sagas[1]
                    and l.saga_id <= timed_sagas[cardinality(timed_sagas)] offset 0) l
            order by l.saga_id, l.ordinal;
    end if;
    if cardinality(other_sagas) > 0 then
        return query select null::uuid, l.saga_id, l.step, l.key, l.entry, l.arrived, l.ordinal
            from unnest(other_sagas) as wanted (saga_id) cross join lateral
                (select * from ballet.ledger_other l where l.saga_id = wanted.saga_id offset 0) l
            order by l.saga_id, l.ordinal;
    end if;
end $$;
