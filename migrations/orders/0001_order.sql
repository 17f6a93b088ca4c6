-- One row per order: the arbiter of how the order's saga ends.
create table customer_order (
    order_id uuid,
    status text not null,
    -- Unknown for a checkout that was impossible.
    customer_id uuid,
    -- Written once and read whole, so they need no table of their own.
    lines jsonb,
    ship_to jsonb,
    total_minor bigint,
    currency text,
    reason text,
    failed_step text,
    detail text,
    created_at timestamptz not null,
    changed_at timestamptz not null,
    constraint customer_order_pkey primary key (order_id),
    constraint customer_order_status
        check (status in ('placed', 'confirmed', 'completed', 'cancelled')),
    constraint customer_order_has_contents check (
        status = 'cancelled'
        or num_nulls(customer_id, lines, ship_to, total_minor, currency) = 0
    ),
    constraint customer_order_total_not_negative check (total_minor >= 0),
    constraint customer_order_reason check ((status = 'cancelled') = (reason is not null))
);

-- For the pages of one status.
create index customer_order_by_status on customer_order (status, order_id);
