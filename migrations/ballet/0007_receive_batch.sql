-- As `ballet.receive`, which the processes of the release before go on calling; but the messages that are new here come
-- as one array, in one row. A row for each of them had eight columns, and seven of those were empty.
create function ballet.receive_batch(
    locks bigint[], timed_ids uuid[], timed_contents bigint[], timed_sagas uuid[], other_sagas uuid[]
)
returns table (
    message_ids uuid[], saga_id uuid, step text, key text, entry text, arrived text, ordinal int,
    content bigint
)
language plpgsql volatile
set plan_cache_mode = 'force_generic_plan'
as $$
#variable_conflict use_column
declare
    added uuid[];
begin
    perform pg_advisory_xact_lock(wanted) from unnest(locks) as wanted;
    if cardinality(timed_ids) > 0 then
        with noted as (
            insert into ballet.inbox as i (message_id, content)
            select * from unnest(timed_ids, timed_contents)
            on conflict do nothing
            returning i.message_id)
        select coalesce(array_agg(noted.message_id), '{}') into added from noted;
        return query select added, null::uuid, null::text, null::text, null::text, null::text,
            null::int, null::bigint;
        if cardinality(added) < cardinality(timed_ids) then
            return query select array[i.message_id], null::uuid, null::text, null::text, null::text,
                    null::text, null::int, i.content
                from unnest(timed_ids) as wanted (message_id) cross join lateral
                    (select * from ballet.inbox i where i.message_id = wanted.message_id
                        and i.message_id >= timed_ids[1]
                        and i.message_id <= timed_ids[cardinality(timed_ids)] offset 0) i
                where i.content is not null;
        end if;
    end if;
    if cardinality(timed_sagas) > 0 then
        return query select null::uuid[], l.saga_id, l.step, l.key, l.entry, l.arrived, l.ordinal,
                null::bigint
            from unnest(timed_sagas) as wanted (saga_id) cross join lateral
                (select * from ballet.ledger l where l.saga_id = wanted.saga_id
                    and l.saga_id >= timed_sagas[1]
                    and l.saga_id <= timed_sagas[cardinality(timed_sagas)] offset 0) l
            order by l.saga_id, l.ordinal;
    end if;
    if cardinality(other_sagas) > 0 then
        return query select null::uuid[], l.saga_id, l.step, l.key, l.entry, l.arrived, l.ordinal,
                null::bigint
            from unnest(other_sagas) as wanted (saga_id) cross join lateral
                (select * from ballet.ledger_other l where l.saga_id = wanted.saga_id offset 0) l
            order by l.saga_id, l.ordinal;
    end if;
end $$;
