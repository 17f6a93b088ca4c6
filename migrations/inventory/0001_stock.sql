-- What is there of each thing. Every piece that was ever received is in exactly one of three
-- places: on the shelf, held for an order, or sold.
create table stock (
    sku text,
    on_hand bigint not null,
    held bigint not null default 0,
    committed bigint not null default 0,
    received bigint not null,
    created_at timestamptz not null,
    constraint stock_pkey primary key (sku),
    constraint stock_on_hand_not_negative check (on_hand >= 0),
    constraint stock_held_not_negative check (held >= 0),
    constraint stock_committed_not_negative check (committed >= 0),
    constraint stock_adds_up check (on_hand + held + committed = received)
)
-- Every order updates its rows here: room on the page keeps the new versions beside the old.
with (fillfactor = 50);

-- What each order has, or had: so that what is released or sold is exactly what was held.
create table reservation (
    order_id uuid,
    sku text,
    quantity bigint not null,
    state text not null,
    created_at timestamptz not null,
    constraint reservation_pkey primary key (order_id, sku),
    constraint reservation_quantity_positive check (quantity > 0),
    constraint reservation_state check (state in ('held', 'released', 'committed'))
);

-- What came in, once per delivery note and thing, however often it is reported.
create table receipt (
    receipt text,
    sku text,
    quantity bigint not null,
    created_at timestamptz not null,
    constraint receipt_pkey primary key (receipt, sku),
    constraint receipt_quantity_positive check (quantity > 0)
);
