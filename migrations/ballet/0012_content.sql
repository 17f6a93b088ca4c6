-- What came under a message's id: a hash of its type and body, so that another body under the same id is
-- noticed. Null in rows of the release before: it is not known.
--
-- The locks are held for a moment only. Whoever waits for an exclusive lock makes all others wait behind
-- it, so this asks for it again and again.
do $$
declare
    partition record;
begin
    loop
        begin
            set local lock_timeout = '200ms';
            alter table ballet.inbox add column content bigint;
            alter table ballet.inbox_other add column content bigint;
            -- One that is being dropped is a partition no more, but may become one again.
            for partition in
                select relname, exists (select from pg_inherits where inhrelid = c.oid) as is_half
                from pg_class c
                where relnamespace = 'ballet'::regnamespace and relkind = 'r'
                    and relname ~ '^inbox_\d{8}$'
                    and not exists (select from pg_attribute
                        where attrelid = c.oid and attname = 'content' and not attisdropped)
            loop
                if partition.is_half then
                    execute format('alter table ballet.inbox detach partition ballet.%I finalize',
                        partition.relname);
                end if;
                execute format('alter table ballet.%I add column content bigint', partition.relname);
            end loop;
            exit;
        exception when lock_not_available or undefined_table then
            perform pg_sleep(0.5);
        end;
    end loop;
end $$;

-- As `ballet.receive`, which the release before calls, but it notes the hashes, too. Of messages that are
-- not new it returns a row with the id and the hash that is known, if it is.
create function ballet.receive_with_content(
    locks bigint[],
    timed_ids uuid[], timed_contents bigint[], other_ids uuid[], other_contents bigint[],
    timed_sagas uuid[], other_sagas uuid[]
)
returns table (
    message_id uuid, saga_id uuid, step text, key text, entry text, arrived text, ordinal int,
    content bigint
)
language plpgsql volatile
set plan_cache_mode = 'force_generic_plan'
as $$
#variable_conflict use_column
declare
    added bigint;
begin
    perform pg_advisory_xact_lock(wanted) from unnest(locks) as wanted;
    if cardinality(timed_ids) > 0 then
        return query insert into ballet.inbox as i (message_id, content)
            select * from unnest(timed_ids, timed_contents)
            on conflict do nothing
            returning i.message_id, null::uuid, null::text, null::text, null::text, null::text,
                null::int, null::bigint;
        get diagnostics added = row_count;
        if added < cardinality(timed_ids) then
            return query select i.message_id, null::uuid, null::text, null::text, null::text,
                    null::text, null::int, i.content
                from unnest(timed_ids) as wanted (message_id) cross join lateral
                    (select * from ballet.inbox i where i.message_id = wanted.message_id
                        and i.message_id >= timed_ids[1]
                        and i.message_id <= timed_ids[cardinality(timed_ids)] offset 0) i
                where i.content is not null;
        end if;
    end if;
    if cardinality(other_ids) > 0 then
        return query insert into ballet.inbox_other as i (message_id, content)
            select * from unnest(other_ids, other_contents)
            on conflict do nothing
            returning i.message_id, null::uuid, null::text, null::text, null::text, null::text,
                null::int, null::bigint;
        get diagnostics added = row_count;
        if added < cardinality(other_ids) then
            return query select i.message_id, null::uuid, null::text, null::text, null::text,
                    null::text, null::int, i.content
                from unnest(other_ids) as wanted (message_id) cross join lateral
                    (select * from ballet.inbox_other i where i.message_id = wanted.message_id
                        offset 0) i
                where i.content is not null;
        end if;
    end if;
    -- Saga by saga: for `= any` a plan that is made while the table is small, and then kept, reads
    -- all of it. The bounds leave only the partitions that are needed to be opened.
    if cardinality(timed_sagas) > 0 then
        return query select null::uuid, l.saga_id, l.step, l.key, l.entry,
                case when l.step = '' and l.key = '' then coalesce(l.event_type, '') else l.arrived end,
                l.ordinal, null::bigint
            from unnest(timed_sagas) as wanted (saga_id) cross join lateral
                (select * from ballet.ledger l where l.saga_id = wanted.saga_id
                    and l.saga_id >= timed_sagas[1]
                    and l.saga_id <= timed_sagas[cardinality(timed_sagas)] offset 0) l
            order by l.saga_id, l.ordinal;
    end if;
    if cardinality(other_sagas) > 0 then
        return query select null::uuid, l.saga_id, l.step, l.key, l.entry,
                case when l.step = '' and l.key = '' then coalesce(l.event_type, '') else l.arrived end,
                l.ordinal, null::bigint
            from unnest(other_sagas) as wanted (saga_id) cross join lateral
                (select * from ballet.ledger_other l where l.saga_id = wanted.saga_id offset 0) l
            order by l.saga_id, l.ordinal;
    end if;
end $$;
