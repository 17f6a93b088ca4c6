-- The framework's own tables, one set in each service's database. The schema `ballet` exists.

-- Each process draws its number here and holds a session advisory lock on it while it lives.
create sequence ballet.process;

-- What was handled. Partitioned by the time in the UUIDv7 message ids, dropped by age.
create table ballet.inbox (
    message_id uuid not null,
    received_at timestamptz not null default now(),
    constraint inbox_pkey primary key (message_id)
) partition by range (message_id);

-- Message ids without a time in them, cleaned by time of receipt.
create table ballet.inbox_other (
    message_id uuid not null,
    received_at timestamptz not null default now(),
    constraint inbox_other_pkey primary key (message_id)
);
create index inbox_other_received_at on ballet.inbox_other (received_at);

-- What this service did for each saga. Rows are only added: a step's state is its furthest entry.
create table ballet.ledger (
    saga_id uuid not null,
    -- Empty for the tombstone, which covers every step and key.
    step text not null,
    -- Tells the repetitions of a step apart.
    key text not null,
    entry text not null constraint ledger_entry_known
        check (entry in ('arrived', 'calling', 'done', 'refused', 'undoing', 'undone', 'aborted')),
    -- The event that arrived for a join; empty in all other entries.
    arrived text not null,
    -- The order of the entries of one saga in this service.
    ordinal int not null,
    -- The event that was emitted (done, refused, undone), that arrived, or that aborted.
    event_type text,
    body text,
    -- The message that caused the entry.
    message_id uuid,
    recorded_at timestamptz not null,
    constraint ledger_pkey primary key (saga_id, step, key, entry, arrived)
) partition by range (saga_id);

-- Sagas whose id has no time in it (a foreign producer's), cleaned by the age of the row.
create table ballet.ledger_other (
    like ballet.ledger including defaults including constraints,
    constraint ledger_other_pkey primary key (saga_id, step, key, entry, arrived)
);
create index ledger_other_recorded_at on ballet.ledger_other (recorded_at);

-- The outbox: a few short tables used in turn, truncated when all their batches are marked as
-- published. A mark is a row of the table that holds its batch, with position -1. No indexes: the
-- hot path only adds rows, and a sweep reads a short table from end to end.
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
create table ballet.outbox_1 (like ballet.outbox_0) with (autovacuum_enabled = false);
create table ballet.outbox_2 (like ballet.outbox_0) with (autovacuum_enabled = false);
create table ballet.outbox_3 (like ballet.outbox_0) with (autovacuum_enabled = false);

-- What can never be published, and why.
create table ballet.outbox_dead (
    like ballet.outbox_0,
    reason text not null,
    constraint outbox_dead_pkey primary key (owner, batch, position)
);

-- Calls to the outside: asked again under the same key until the answer is known.
create table ballet.call (
    call_key uuid not null,
    saga_id uuid not null,
    step text not null,
    key text not null,
    undo boolean not null,
    request text not null,
    -- The message that caused the call, and its trace.
    message_id uuid,
    traceparent text,
    -- The process that makes the call.
    owner bigint not null,
    created_at timestamptz not null,
    attempts int not null default 0,
    next_at timestamptz not null,
    last_error text,
    answer text,
    closed_at timestamptz,
    constraint call_pkey primary key (call_key)
);
create index call_open on ballet.call (next_at) where closed_at is null;
-- For cleaning by age.
create index call_closed on ballet.call (closed_at) where closed_at is not null;
