-- One row per order that a carrier was asked to take.
create table shipment (
    order_id uuid,
    shipment_id uuid not null,
    state text not null,
    ship_to jsonb not null,
    -- The carrier's number, under which the parcel can be followed.
    tracking text,
    -- The carrier's word for its "no".
    reason text,
    created_at timestamptz not null,
    changed_at timestamptz not null,
    constraint shipment_pkey primary key (order_id),
    constraint shipment_shipment_id unique (shipment_id),
    constraint shipment_state
        check (state in ('scheduled', 'rejected', 'cancelled', 'dispatched', 'delivered')),
    constraint shipment_tracking check ((state = 'rejected') = (tracking is null))
);
