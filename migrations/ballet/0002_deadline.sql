-- The deadlines of the sagas that this service owns and has not decided yet. Set by the transaction
-- that begins a saga; removed by the one that decides it, or by the one that tells that it has
-- passed. So there are few rows, and each is dead once.
create table ballet.deadline (
    saga_id uuid not null,
    saga text not null,
    -- By the database's clock.
    due_at timestamptz not null,
    -- The event that began the saga, and its trace.
    message_id uuid,
    traceparent text,
    constraint deadline_pkey primary key (saga_id)
);
create index deadline_due_at on ballet.deadline (due_at);
