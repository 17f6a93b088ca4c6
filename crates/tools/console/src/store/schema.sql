-- The console's own tables. Accounts, sessions and actions stay. Everything else is derived from the
-- journal, and may be dropped and built again.
create schema if not exists console;
-- A secret of earlier versions, by which they knew browsers again. Nothing reads it any more.
drop table if exists console.secret;

create table if not exists console.progress (
    one boolean primary key default true check (one),
    version int not null,
    -- The offset in the journal behind the last read entry.
    next bigint not null default 0,
    -- The time of the last entry, and of its writing here.
    entry_at timestamptz,
    written_at timestamptz
);

-- Entries that the journal no longer had, or that no reader gets.
create table if not exists console.gap (at timestamptz not null default now(), what text not null);

create table if not exists console.entry (
    place bigint not null,
    -- Its number in a pack.
    member int not null default 0,
    at timestamptz not null,
    kind text not null,
    saga uuid,
    type text not null,
    service text not null,
    message_id uuid not null,
    cause text,
    handler text,
    reason text,
    detail text,
    attempts int not null default 0,
    who text,
    why text,
    body bytea not null,
    size int not null
) partition by range (at);
create index if not exists entry_of_saga on console.entry (saga);
create index if not exists entry_message on console.entry (message_id);
create index if not exists entry_place on console.entry (place);

-- The sagas that have changed since they were judged, once for each batch of entries.
create table if not exists console.changed (saga uuid not null);

-- The last judgements of the sagas.
create table if not exists console.saga (
    id uuid primary key,
    names text[] not null default '{}',
    began timestamptz not null,
    last_at timestamptz not null,
    last_type text not null,
    -- The place of its last judged entry, and the judgement.
    last_place bigint not null,
    ended text,
    service text,
    step text,
    what text,
    since timestamptz,
    due timestamptz,
    -- The time of the last question to the services, while it looked late.
    asked_at timestamptz,
    is_dead boolean not null default false,
    reason text,
    -- The detail without the particulars of one message.
    cause text,
    detail text
);
create index if not exists saga_open on console.saga (since) where ended is null;
create index if not exists saga_ended on console.saga (last_at desc) include (ended) where ended is not null;
create index if not exists saga_last_digits on console.saga (reverse(id::text) text_pattern_ops);
create extension if not exists pg_trgm;
create index if not exists saga_detail on console.saga using gin (detail gin_trgm_ops) where detail is not null;

create table if not exists console.key (
    value text not null,
    name text not null,
    saga uuid not null,
    primary key (saga, name, value)
);
create index if not exists key_prefix on console.key (lower(value) text_pattern_ops);

-- The counts of events: by minute, and at '-infinity' for all earlier ones.
create table if not exists console.flow (
    minute timestamptz not null,
    type text not null,
    count bigint not null,
    last_at timestamptz not null,
    primary key (minute, type)
);

-- What broke a property, by the monitor.
create table if not exists console.violation (
    message uuid not null,
    property text not null,
    saga uuid,
    -- The offset in the journal.
    entry bigint not null,
    at timestamptz not null,
    service text not null,
    type text not null,
    says text not null,
    named_at timestamptz not null default now(),
    primary key (message, property)
);
create index if not exists violation_named on console.violation (named_at);

create table if not exists console.account (
    name text primary key,
    role text not null check (role in ('viewer', 'operator')),
    salt bytea not null,
    hash bytea not null
);
create table if not exists console.session (
    token bytea primary key,
    account text not null references console.account on delete cascade,
    until timestamptz not null
);

-- Persons' actions through the console.
create table if not exists console.action (
    id uuid primary key,
    at timestamptz not null default now(),
    beat timestamptz not null default now(),
    by text not null,
    act text not null,
    what text not null,
    service text,
    saga uuid,
    message text,
    why text not null,
    standing text not null default 'running',
    outcome text not null default ''
);
create index if not exists action_at on console.action (at);
create index if not exists action_of_saga on console.action (saga) where saga is not null;
create index if not exists action_of_message on console.action (message) where message is not null;
