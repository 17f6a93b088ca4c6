-- One row per cart: the arbiter of its checkouts.
create table cart (
    cart_id uuid,
    customer_id uuid not null,
    -- 1 more with each change: the ETag.
    version bigint not null,
    status text not null,
    -- At most 100, read and written whole under the row's lock.
    lines jsonb not null,
    -- The order of the last checkout.
    order_id uuid,
    created_at timestamptz not null,
    changed_at timestamptz not null,
    constraint cart_pkey primary key (cart_id),
    constraint cart_version_positive check (version > 0),
    constraint cart_status check (status in ('open', 'checked_out', 'closed')),
    constraint cart_checked_out_has_order check (status = 'open' or order_id is not null)
)
-- Only the primary key is indexed: room on the page keeps changes out of it.
with (fillfactor = 70);

-- One row per checkout that was not refused, as it was published. A request that comes again finds it.
create table checkout (
    order_id uuid,
    cart_id uuid not null,
    -- The version that was checked out, which the customer had seen.
    cart_version bigint not null,
    lines jsonb not null,
    total_minor bigint not null,
    currency text not null,
    -- Of the card and the address: another request for the same version is told from the same again.
    request_digest bytea not null,
    status text not null,
    reason text,
    detail text,
    created_at timestamptz not null,
    changed_at timestamptz not null,
    constraint checkout_pkey primary key (order_id),
    constraint checkout_of_cart foreign key (cart_id) references cart (cart_id),
    constraint checkout_once_per_version unique (cart_id, cart_version),
    constraint checkout_status check (status in ('placed', 'confirmed', 'cancelled')),
    constraint checkout_reason check ((status = 'cancelled') = (reason is not null)),
    constraint checkout_total_not_negative check (total_minor >= 0)
);

-- A cart has at most one order that is not cancelled.
create unique index checkout_once on checkout (cart_id) where status <> 'cancelled';
