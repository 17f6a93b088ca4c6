-- The memory of the sandbox, a provider inside of this process. It stands for somebody else's
-- database: it is written outside of the service's transactions, and never rolled back with them.
create table sandbox_operation (
    idempotency_key uuid,
    kind text not null,
    -- The order, which the shop gives along as its own name for the payment.
    order_id uuid not null,
    -- The authorisation that it is about.
    reference text not null,
    -- What was authorised; the card decides how the sandbox behaves.
    card_token text not null,
    amount_minor bigint not null,
    currency text not null,
    attempts integer not null default 1,
    -- Null until it has taken effect.
    result text,
    created_at timestamptz not null default now(),
    constraint sandbox_operation_pkey primary key (idempotency_key),
    constraint sandbox_operation_kind check (kind in ('authorize', 'capture', 'void', 'refund'))
);

create index sandbox_operation_by_reference on sandbox_operation (reference);
