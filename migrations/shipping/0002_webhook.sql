-- The webhooks of the carrier, each once.
create table webhook (
    event_id text,
    type text not null,
    order_id uuid not null,
    -- The operation that it is about, and its parcel.
    idempotency_key uuid,
    tracking text,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    constraint webhook_pkey primary key (event_id)
);
