-- Gives a process an empty table: a free one, or else a new one. Who takes a table in a long transaction,
-- or freezes in it, holds nobody up: others pass over the table that is being taken, and the number that
-- is being given to a new one.
create or replace function ballet.take_outbox(process bigint) returns smallint
language plpgsql volatile
as $$
declare
    taken smallint;
begin
    update ballet.outbox_table set owner = process where table_number =
        (select t.table_number from ballet.outbox_table t where t.owner is null
            and pg_relation_size(format('ballet.outbox_%s', t.table_number)::regclass) = 0
            order by t.table_number limit 1 for update skip locked)
        returning table_number into taken;
    if taken is null then
        select coalesce(max(t.table_number), 3) into taken from ballet.outbox_table t;
        -- The first key is "blu" in ASCII; processes show with "blt" that they live.
        loop
            taken := taken + 1;
            -- Whoever had the lock before may have made the table meanwhile.
            exit when pg_try_advisory_xact_lock(x'626c75'::int, taken)
                and to_regclass(format('ballet.outbox_%s', taken)) is null;
        end loop;
        execute format('create table ballet.outbox_%s (
            owner bigint not null,
            batch bigint not null,
            position int not null,
            message_id uuid,
            event_type text,
            saga_id uuid,
            causation_id uuid,
            traceparent text,
            body text,
            created_at timestamptz not null
        ) with (autovacuum_enabled = false)', taken);
        insert into ballet.outbox_table (table_number, owner) values (taken, process);
    end if;
    return taken;
end $$;
