-- The tables of every participant, beside its own. This script may run again.

-- The messages that were handled, for as long as a copy may come.
create table if not exists inbox (
    message_id uuid primary key,
    received_at timestamptz not null default now()
);
create index if not exists inbox_received_at on inbox (received_at);

-- The steps that were done for each saga. The outcome is the event that was published: the compensation
-- gets it.
create table if not exists ledger (
    saga_id uuid not null,
    step text not null,
    state text not null check (state in ('done', 'undone')),
    outcome jsonb not null,
    recorded_at timestamptz not null default now(),
    primary key (saga_id, step)
);
create index if not exists ledger_recorded_at on ledger (recorded_at);

-- The sagas that are aborted: no step of theirs takes effect any more.
create table if not exists tombstone (
    saga_id uuid primary key,
    recorded_at timestamptz not null default now()
);
create index if not exists tombstone_recorded_at on tombstone (recorded_at);

-- The events that are committed and not yet confirmed by the broker.
create table if not exists outbox (
    position bigint generated always as identity primary key,
    message_id uuid not null,
    type text not null,
    saga_id uuid not null,
    causation_id uuid not null,
    traceparent text,
    body text not null,
    created_at timestamptz not null
);
