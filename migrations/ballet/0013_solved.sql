-- Compensations that a person has done outside of the system: who says so, when and why. The row is
-- written with the ledger's `undone` and the event, and is never deleted.
create table ballet.solved (
    saga_id uuid not null,
    -- The saga's name.
    saga text not null,
    step text not null,
    key text not null,
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
    saga text not null,
    stopped_by text not null,
    why text not null,
    stopped_at timestamptz not null,
    constraint stopped_pkey primary key (saga_id, saga)
);
