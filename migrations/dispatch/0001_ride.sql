-- What rides cost. A version counts from its time on, and is never changed: a quote names the one it was made by.
create table tariff (
    version int,
    valid_from timestamptz not null,
    currency text not null,
    base_minor bigint not null,
    kilometer_minor bigint not null,
    minute_minor bigint not null,
    least_minor bigint not null,
    -- A ride that is cancelled so many minutes after it has a driver costs this much.
    free_minutes int not null,
    late_minor bigint not null,
    constraint tariff_pkey primary key (version),
    constraint tariff_amounts check (
        base_minor >= 0 and kilometer_minor >= 0 and minute_minor >= 0 and least_minor >= 0
        and late_minor >= 0 and free_minutes >= 0)
);

insert into tariff
    (version, valid_from, currency, base_minor, kilometer_minor, minute_minor, least_minor, free_minutes,
     late_minor)
values (1, '2026-01-01', 'EUR', 250, 160, 35, 600, 2, 450);

-- What a rider was told that a ride costs.
create table quote (
    quote_id uuid,
    rider_id uuid not null,
    pickup_lat double precision not null,
    pickup_lon double precision not null,
    destination_lat double precision not null,
    destination_lon double precision not null,
    meters bigint not null,
    seconds bigint not null,
    price_minor bigint not null,
    currency text not null,
    tariff int not null,
    made_at timestamptz not null,
    valid_until timestamptz not null,
    constraint quote_pkey primary key (quote_id),
    constraint quote_tariff foreign key (tariff) references tariff (version),
    constraint quote_price check (price_minor >= 0)
);

create table ride (
    ride_id uuid,
    -- One ride for a quote: a request that is sent again gets the same.
    quote_id uuid not null,
    rider_id uuid not null,
    status text not null,
    driver_id uuid,
    -- The number of the last offer, and the drivers who were asked in vain.
    attempt smallint not null,
    asked uuid[] not null,
    requested_at timestamptz not null,
    assigned_at timestamptz,
    started_at timestamptz,
    -- The driver says that the rider is there.
    arrived_at timestamptz,
    changed_at timestamptz not null,
    reason text,
    failed_step text,
    detail text,
    fee_minor bigint,
    constraint ride_pkey primary key (ride_id),
    constraint ride_of_quote unique (quote_id),
    constraint ride_has_quote foreign key (quote_id) references quote (quote_id),
    constraint ride_status check (status in (
        'searching', 'offered', 'accepted', 'assigned', 'picked_up', 'riding', 'completed', 'cancelled')),
    constraint ride_cancelled check ((status = 'cancelled') = (reason is not null)),
    constraint ride_driver check (
        driver_id is not null or status in ('searching', 'offered', 'cancelled'))
)
with (fillfactor = 70);

create index ride_by_rider on ride (rider_id, ride_id desc);

-- Who was asked to drive.
create table offer (
    ride_id uuid,
    attempt smallint,
    driver_id uuid not null,
    state text not null,
    offered_at timestamptz not null,
    expires_at timestamptz not null,
    -- The driver went offline, so there is nobody to wait for.
    is_gone boolean not null default false,
    ended_at timestamptz,
    constraint offer_pkey primary key (ride_id, attempt),
    constraint offer_of_ride foreign key (ride_id) references ride (ride_id),
    constraint offer_state check (state in (
        'open', 'accepted', 'declined', 'expired', 'offline', 'withdrawn', 'driven')),
    constraint offer_ended check ((state in ('open', 'accepted')) = (ended_at is null))
)
with (fillfactor = 70);

-- A driver is in at most one offer or ride that lives, and a ride has one at most.
create unique index offer_live_driver on offer (driver_id) where state in ('open', 'accepted');
create unique index offer_live_ride on offer (ride_id) where state in ('open', 'accepted');
create index offer_due on offer (expires_at) where state = 'open';
create index offer_by_driver on offer (driver_id, ride_id desc);
