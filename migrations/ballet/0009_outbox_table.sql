-- Each process writes to outbox tables of its own, so it knows without a look what of them is published.
-- The tables `outbox_0` to `outbox_3` are those of version 0.1, whose replicas take turns with them; they
-- are only emptied now. The others are made when they are needed, and are never dropped: a mark that
-- comes late must find its table. A table that a reader holds is not written to again until it is empty,
-- and making another one waits for no reader.
create table ballet.outbox_table (
    -- The number in the name of the table: `outbox_4`, `outbox_5` ...
    table_number smallint not null,
    -- The process that writes to it, and publishes what others left in it. Null if it is free.
    owner bigint,
    constraint outbox_table_pkey primary key (table_number)
);

-- Gives a process an empty table: a free one, or else a new one.
create function ballet.take_outbox(process bigint) returns smallint
language plpgsql volatile
as $$
declare
    taken smallint;
begin
    lock table ballet.outbox_table in share row exclusive mode;
    update ballet.outbox_table set owner = process where table_number =
        (select t.table_number from ballet.outbox_table t where t.owner is null
            and pg_relation_size(format('ballet.outbox_%s', t.table_number)::regclass) = 0
            order by t.table_number limit 1)
        returning table_number into taken;
    if taken is null then
        select coalesce(max(t.table_number), 3) + 1 into taken from ballet.outbox_table t;
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

-- The rows of all outbox tables, for people and for tools.
create function ballet.outbox() returns setof ballet.outbox_0
language plpgsql stable
as $$
declare
    name text;
begin
    for name in select c.relname from pg_class c where c.relnamespace = 'ballet'::regnamespace
        and c.relkind = 'r' and c.relname ~ '^outbox_[0-9]+$' order by length(c.relname), c.relname
    loop
        return query execute format('select owner, batch, position, message_id, event_type, saga_id,
            causation_id, traceparent, body, created_at from ballet.%I', name);
    end loop;
end $$;
