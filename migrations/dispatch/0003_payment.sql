-- What is held for a ride at the card processor, and what became of it. The sandbox of the processor is 0002.
create table payment (
    ride_id uuid,
    state text not null,
    -- What is held: the price of the quote.
    amount_minor bigint not null,
    currency text not null,
    -- What was taken of it: the fare, or what a late cancellation costs.
    paid_minor bigint not null default 0,
    -- What was to be taken, and the processor did not.
    owed_minor bigint not null default 0,
    -- The processor's name for what is held.
    reference text,
    -- The processor's word for its "no".
    reason text,
    created_at timestamptz not null,
    changed_at timestamptz not null,
    constraint payment_pkey primary key (ride_id),
    constraint payment_of_ride foreign key (ride_id) references ride (ride_id),
    constraint payment_state check (state in ('held', 'declined', 'paid', 'owed', 'released')),
    constraint payment_reference check ((state = 'declined') = (reference is null)),
    constraint payment_amounts check (
        paid_minor between 0 and amount_minor and (paid_minor > 0) <= (state = 'paid')
        and owed_minor between 0 and amount_minor and (owed_minor > 0) = (state = 'owed'))
);

-- A ride begins with its payment: no driver is looked for before the money is held.
alter table ride drop constraint ride_status;
alter table ride add constraint ride_status check (status in (
    'requested', 'searching', 'offered', 'accepted', 'assigned', 'picked_up', 'riding', 'completed',
    'cancelled'));
alter table ride drop constraint ride_driver;
alter table ride add constraint ride_driver check (
    driver_id is not null or status in ('requested', 'searching', 'offered', 'cancelled'));

-- What a cancellation costs is taken from what is held for the ride.
alter table tariff add constraint tariff_late check (late_minor <= least_minor);
