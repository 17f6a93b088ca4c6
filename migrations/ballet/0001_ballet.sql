-- The framework's own tables, one set in each service's database. The schema `ballet` exists.
-- Keys compare by bytes: by the rules of a language their order changes with the server's libc or ICU, and an index in the
-- old order no longer finds what it has.

-- The one clock of all that processes share: ages, leases, due times. The clocks of processes differ.
-- It is a function, so that a test, or a run with time sped up, can replace it.
create function ballet.now() returns timestamptz
language sql volatile parallel safe
as 'select pg_catalog.clock_timestamp()';

-- Whether processes compare ballet.now() with their own clocks, and remove nothing while they differ.
-- A test, or a run with time sped up, replaces it together with ballet.now().
create function ballet.clock_is_checked() returns boolean
language sql volatile parallel safe
as 'select true';

-- Each process draws its number here and holds a session advisory lock on it while it lives.
create sequence ballet.process;

-- Each process that is alive renews its lease every few seconds. A frozen process keeps its session,
-- and the lock on its number, for ever; but its lease runs out.
create table ballet.process_lease (
    process bigint not null,
    -- By ballet.now().
    lease_until timestamptz not null,
    -- Why the process is not ready, if it is not: what its /readyz says. So whoever looks after the system
    -- sees it without a way to the process.
    unready text,
    -- Of which version of the service it is, if it was told. While a new one is rolled out there are several.
    version text,
    constraint process_lease_pkey primary key (process)
);

-- The tables and sequences that the service's migrations have made, as the newest of them left these. What is
-- missing of them keeps the service from working. What else is in the database may come and go.
create table ballet.own_table (
    name text collate "C" not null,
    -- The newest migration of the service at that time.
    version bigint not null,
    constraint own_table_pkey primary key (name)
);

-- That the database was restored from a backup. Until it has heard what it missed, it takes in no abort.
create table ballet.restored (
    only_one boolean not null default true,
    restored_at timestamptz not null,
    hold_until timestamptz not null,
    -- Up to when the backup had everything; of several backups the oldest.
    backup_at timestamptz not null,
    constraint restored_pkey primary key (only_one),
    constraint restored_only_one check (only_one)
);

-- What was handled. Partitioned by the time in the UUIDv7 message ids, dropped by age.
create table ballet.inbox (
    message_id uuid not null,
    received_at timestamptz not null default now(),
    -- A hash of its type and body, so that another body under the same id is noticed. Null: it is not known.
    content bigint,
    constraint inbox_pkey primary key (message_id)
) partition by range (message_id);

-- Message ids without a time in them, cleaned by time of receipt.
create table ballet.inbox_other (
    message_id uuid not null,
    received_at timestamptz not null default ballet.now(),
    content bigint,
    constraint inbox_other_pkey primary key (message_id)
);
create index inbox_other_received_at on ballet.inbox_other (received_at);

-- What this service did for each saga. Rows are only added: a step's state is its furthest entry.
create table ballet.ledger (
    saga_id uuid not null,
    -- Empty for the tombstone, which covers every step.
    step text collate "C" not null,
    -- Tells the repetitions of a step apart. Of a tombstone it is the saga's name: two sagas may share an id.
    key text collate "C" not null,
    entry text collate "C" not null constraint ledger_entry_known
        check (entry in ('arrived', 'calling', 'done', 'refused', 'undoing', 'undone', 'aborted')),
    -- The event that arrived for a join; empty in all other entries.
    arrived text collate "C" not null,
    -- The order of the entries of one saga in this service.
    ordinal int not null,
    -- The event that was emitted (done, refused, undone), that arrived, or that aborted.
    event_type text,
    body text,
    -- The message that caused the entry.
    message_id uuid,
    recorded_at timestamptz not null,
    -- The message id of the event that an outcome was published as. With its body, the event can be sent again
    -- although the broker has lost it. Null: none was published.
    emitted_id uuid,
    constraint ledger_pkey primary key (saga_id, step, key, entry, arrived)
) partition by range (saga_id);

-- Sagas whose id has no time in it (a foreign producer's), cleaned by the age of the row.
create table ballet.ledger_other (
    like ballet.ledger including defaults including constraints,
    constraint ledger_other_pkey primary key (saga_id, step, key, entry, arrived)
);
create index ledger_other_recorded_at on ballet.ledger_other (recorded_at);

-- Sagas without a time in their id whose rows were deleted by age. Nothing else tells them from new
-- ones.
create table ballet.forgotten_saga (
    saga_id uuid not null,
    constraint forgotten_saga_pkey primary key (saga_id)
);

-- Partitions that were dropped. Their names are never used again: a partition of that time would be
-- empty, and what was forgotten would look like something new.
create table ballet.dropped_partition (
    name text collate "C" not null,
    dropped_at timestamptz not null default ballet.now(),
    constraint dropped_partition_pkey primary key (name)
);

-- How a transaction begins, in one round trip: it takes the locks of its sagas, notes its messages
-- down, and reads what the ledger has of the sagas. Each statement of a volatile function sees what
-- was committed before that statement began, so what is read is what the locks protect.
--
-- Returns a row with the ids of all messages that are new here, one with the id and the hash that
-- is known for each that is not, and a row without ids for each row of the ledger. Locks and ids come
-- sorted: whoever takes them in one order everywhere never waits in a circle.
create function ballet.receive_batch(
    locks bigint[], timed_ids uuid[], timed_contents bigint[], timed_sagas uuid[], other_sagas uuid[]
)
returns table (
    message_ids uuid[], saga_id uuid, step text, key text, entry text, arrived text, ordinal int,
    content bigint
)
language plpgsql volatile
-- Its plans are the same whatever it is given, and planning for each partition costs more than all
-- the rest of a small batch.
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
    -- Saga by saga: for `= any` a plan that is made while the table is small, and then kept, reads
    -- all of it. The bounds leave only the partitions that are needed to be opened.
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

-- The outbox. Each process writes to outbox tables of its own, so it knows without a look what of them is
-- published; they are truncated when all their batches are marked as published. A mark is a row of the
-- table that holds its batch, with position -1. No indexes: the hot path only adds rows, and a sweep reads
-- a short table from end to end. Tables are made when they are needed, and are never dropped: a mark that
-- comes late must find its table. A table that a reader holds is not written to again until it is empty,
-- and making another one waits for no reader.
create table ballet.outbox_table (
    -- The number in the name of the table: `outbox_0`, `outbox_1` ...
    table_number smallint not null,
    -- The process that writes to it, and publishes what others left in it. Null if it is free.
    owner bigint,
    constraint outbox_table_pkey primary key (table_number)
);
create table ballet.outbox_0 (
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
) with (autovacuum_enabled = false);
insert into ballet.outbox_table (table_number) values (0);

-- Gives a process an empty table: a free one, or else a new one. Who takes a table in a long transaction,
-- or freezes in it, holds nobody up: others pass over the table that is being taken, and the number that
-- is being given to a new one.
create function ballet.take_outbox(process bigint) returns smallint
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
        select coalesce(max(t.table_number), 0) into taken from ballet.outbox_table t;
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

-- What can never be published, and why.
create table ballet.outbox_dead (
    like ballet.outbox_0,
    reason text not null,
    constraint outbox_dead_pkey primary key (owner, batch, position)
);

-- Messages that could not be handled so far: what waits in a retry queue, or lies among the dead
-- letters. The inbox tells which of them were handled since, so nothing is changed here when one is.
create table ballet.failure (
    message_id uuid not null,
    -- Of a message outside of sagas there is none.
    saga_id uuid,
    event_type text not null,
    -- The handler that failed: a step, a projection, or what undoes.
    handler text not null,
    -- The code of a dead letter's reason.
    reason text not null,
    detail text not null,
    attempts int not null,
    first_failed_at timestamptz not null,
    -- When it is tried again; null for a dead letter, which waits for a person.
    next_at timestamptz,
    -- A failure is forgotten by the age of its last attempt.
    last_failed_at timestamptz not null default ballet.now(),
    constraint failure_pkey primary key (message_id)
);
create index failure_first_failed_at on ballet.failure (first_failed_at);

-- Calls to the outside: asked again under the same key until the answer is known. Open ones are claimed by
-- step, compensations apart.
create table ballet.call (
    call_key uuid not null,
    saga_id uuid not null,
    step text collate "C" not null,
    key text not null,
    undo boolean not null,
    request text not null,
    -- The message that caused the call, and its trace.
    message_id uuid,
    traceparent text,
    -- The process that has claimed it, or 0.
    owner bigint not null,
    created_at timestamptz not null,
    attempts int not null default 0,
    -- When it may be claimed next. While a process has claimed it, this is when the claim ends.
    next_at timestamptz not null,
    last_error text,
    answer text,
    closed_at timestamptz,
    -- When the other side first said that it has the request and no outcome yet.
    taken_at timestamptz,
    -- Until when an attempt may be out whose claim was ended before its time.
    out_until timestamptz,
    -- Since when the other side may know the call's key, if that is before the call was stored: a database that
    -- was restored makes calls of the time since its backup again. Null: since it was stored.
    asked_since timestamptz,
    -- What a person says of an open call, which is not made then: `answer`, with the answer of the other side;
    -- or `nothing`, if that has done nothing and the saga is aborted. Null: nobody has said anything.
    given text,
    constraint call_pkey primary key (call_key)
);
-- For claims, of which closed calls are no part, though they stay for months.
create index call_due on ballet.call (step, undo, next_at) where closed_at is null;
-- For cleaning by age.
create index call_closed on ballet.call (closed_at) where closed_at is not null;

-- The deadlines of the sagas that this service owns and has not decided yet. Set by the transaction
-- that begins a saga; removed by the one that decides it, or by the one that tells that it has
-- passed. So there are few rows, and each is dead once.
create table ballet.deadline (
    saga_id uuid not null,
    saga text collate "C" not null,
    -- By the database's clock.
    due_at timestamptz not null,
    -- The event that began the saga, and its trace.
    message_id uuid,
    traceparent text,
    constraint deadline_pkey primary key (saga_id, saga)
);
create index deadline_due_at on ballet.deadline (due_at);

-- Copies of other services' entities. A removed entity keeps its row and its version, so that an older
-- event that comes late cannot bring it back.
create table ballet.copy (
    entity text collate "C" not null,
    id text collate "C" not null,
    version bigint not null,
    -- Null if the entity was removed.
    state jsonb,
    -- The run of the owner that brought the state; null if an event of its own did.
    run uuid,
    constraint copy_pkey primary key (entity, id)
);

-- How each copy is filled: a row for each entity that this service copies. A run of the owner brings all
-- entities; its pages may come in any order, so they are counted.
create table ballet.copy_fill (
    entity text collate "C" not null,
    owner text not null,
    -- The newest run that a page came of, how many came, and how many there are, once that is known.
    run uuid,
    seen bigint not null default 0,
    pages bigint,
    page_at timestamptz,
    -- The last run that came whole.
    filled_run uuid,
    filled_at timestamptz,
    requested_at timestamptz,
    -- When the copy was emptied, because its owner's versions were set back. Messages that were made before
    -- count no more.
    emptied_at timestamptz,
    constraint copy_fill_pkey primary key (entity)
);

-- How an owner publishes its entities anew: a row for each entity that this service shares. The number of
-- requests is raised with each; one run serves all that came before it began.
create table ballet.republication (
    entity text collate "C" not null,
    -- The view with the columns id, version and state.
    source text not null,
    requested bigint not null default 0,
    begun bigint not null default 0,
    done bigint not null default 0,
    -- The run, the last id that it has published, and how much.
    run uuid,
    position text,
    pages bigint not null default 0,
    entities bigint not null default 0,
    -- When the next page may be published: the rate is that of all replicas together.
    next_at timestamptz not null default ballet.now(),
    -- Why the last page could not be published.
    failure text,
    -- The first entity that the last run could not publish, and why.
    left_out text,
    constraint republication_pkey primary key (entity)
);

-- Compensations that a person has done outside of the system: who says so, when and why. The row is
-- written with the ledger's `undone` and the event, and is never deleted.
create table ballet.solved (
    saga_id uuid not null,
    -- The saga's name.
    saga text not null,
    step text collate "C" not null,
    key text collate "C" not null,
    solved_by text not null,
    why text not null,
    solved_at timestamptz not null,
    -- The event that says it. Null if none was published.
    message_id uuid,
    -- What the compensation failed with last, if that is known.
    last_error text,
    -- When a process goes on with the compensations of earlier steps. Null if that is over, or none is left.
    next_at timestamptz,
    attempts int not null default 0,
    -- Under which `ballet.failure` has why it cannot go on.
    note_id uuid not null,
    constraint solved_pkey primary key (saga_id, step, key)
);
create index solved_next_at on ballet.solved (next_at) where next_at is not null;

-- Sagas that a person has stopped before their deadline: who, when and why. Never deleted.
create table ballet.stopped (
    saga_id uuid not null,
    -- The saga's name.
    saga text collate "C" not null,
    stopped_by text not null,
    why text not null,
    stopped_at timestamptz not null,
    constraint stopped_pkey primary key (saga_id, saga)
);

-- What persons have done to single messages and calls: who, when and why. Kept for as long as the ledger.
create table ballet.intervention (
    at timestamptz not null,
    -- `redriven`, `edited`, `discarded` or `retried`.
    act text not null,
    -- The message, or the key of the call.
    message_id uuid not null,
    -- Null for a message outside of sagas.
    saga_id uuid,
    event_type text,
    done_by text not null,
    -- Null if no reason was given.
    why text
);
create index intervention_saga_id on ballet.intervention (saga_id) where saga_id is not null;
create index intervention_at on ballet.intervention (at);

-- Whose the database is: the environment, if the services were told one, or else the broker that they work with. Elsewhere a
-- copy would make the open calls of the original, and publish its events.
create table ballet.home (
    only_one boolean not null default true,
    environment text,
    vhost text not null,
    hosts text[] not null,
    constraint home_pkey primary key (only_one),
    constraint home_only_one check (only_one)
);

-- Makes a copy a database of that environment. What the original has begun does not go on in it.
create function ballet.adopt(copy_environment text) returns void
language plpgsql
as $$
declare
    name text;
begin
    -- The first key is "blt" in ASCII: processes show with it that they live.
    if exists (select from pg_locks where locktype = 'advisory' and objsubid = 2 and classid = x'626c74'::int
        and database = (select oid from pg_database where datname = current_database()))
    then
        raise 'a process of the service is alive: stop it, if this is a copy';
    elsif exists (select from ballet.home where environment = copy_environment) then
        raise 'the database is no copy: it is of % itself', copy_environment;
    end if;
    for name in select relname from pg_class
        where relnamespace = 'ballet'::regnamespace and relkind = 'r' and relname ~ '^outbox_[0-9]+$'
    loop
        execute format('truncate ballet.%I', name);
    end loop;
    update ballet.outbox_table set owner = null;
    truncate ballet.outbox_dead, ballet.failure, ballet.deadline, ballet.process_lease, ballet.restored,
        ballet.telemetry_reader, ballet.telemetry_replica;
    delete from ballet.call where closed_at is null;
    update ballet.solved set next_at = null where next_at is not null;
    insert into ballet.home (environment, vhost, hosts) values (copy_environment, '', '{}')
        on conflict (only_one) do update
        set environment = excluded.environment, vhost = excluded.vhost, hosts = excluded.hosts;
end $$;

-- Where a publication has all tables, as for a server's replacement by logical replication, Postgres deletes no row of a table
-- without a primary key.
alter table ballet.intervention replica identity full;
