-- One row per order that the provider was asked to authorise.
create table payment (
    order_id uuid,
    state text not null,
    amount_minor bigint not null,
    currency text not null,
    captured_minor bigint not null default 0,
    refunded_minor bigint not null default 0,
    -- The provider's name for the authorisation.
    reference text,
    -- The provider's word for its "no".
    reason text,
    created_at timestamptz not null,
    changed_at timestamptz not null,
    constraint payment_pkey primary key (order_id),
    constraint payment_state check (
        state in ('authorized', 'declined', 'captured', 'capture_failed', 'voided', 'refunded')
    ),
    constraint payment_reference check ((state = 'declined') = (reference is null)),
    constraint payment_captured check (
        captured_minor = case when state in ('captured', 'refunded') then amount_minor else 0 end
    ),
    constraint payment_refunded check (
        refunded_minor = case when state = 'refunded' then captured_minor else 0 end
    )
);
