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
    constraint failure_pkey primary key (message_id)
);
create index failure_first_failed_at on ballet.failure (first_failed_at);
