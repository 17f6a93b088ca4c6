-- The webhooks of the payment provider, each once. They are kept because one may come before what it
-- is about: the end of an authorisation is read when its money is to be captured.
create table webhook (
    event_id text,
    type text not null,
    order_id uuid not null,
    -- The operation that it is about, or the authorisation.
    idempotency_key uuid,
    reference text,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    constraint webhook_pkey primary key (event_id)
);

create index webhook_by_reference on webhook (reference) where reference is not null;
