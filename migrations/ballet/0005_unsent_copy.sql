-- Dead letters and delayed messages that the broker did not take: its queue is full, its exchange or the
-- right to it is missing. Their originals are acknowledged; they are published when the broker takes them.
create table ballet.unsent_copy (
    -- Derived from the copy, so that the same copy of a message that is delivered again is one row.
    copy_id uuid not null,
    exchange text not null,
    routing_key text not null,
    -- As JSON.
    properties bytea not null,
    body bytea not null,
    why text not null,
    since timestamptz not null default now(),
    -- The next attempt. A process that tries moves it on, and so has the row to itself for a while.
    next_at timestamptz not null,
    constraint unsent_copy_pkey primary key (copy_id)
);
create index unsent_copy_next_at on ballet.unsent_copy (next_at);
