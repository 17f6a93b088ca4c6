-- The one source of riders' data. Dispatch and location keep copies.
create table rider (
    rider_id uuid,
    version bigint not null,
    name text not null,
    -- What the payment provider knows the rider's means of payment by.
    payment_token text not null,
    -- The mean of what drivers said, in tenths.
    rating smallint not null,
    needs text not null,
    registered_at timestamptz not null,
    changed_at timestamptz not null,
    constraint rider_pkey primary key (rider_id),
    constraint rider_rating check (rating between 10 and 50),
    constraint rider_needs check (needs in ('any', 'large'))
);

-- The state of riders as their events carry it.
create view shared_rider as
select rider_id as id, version, jsonb_build_object(
    'rider_id', rider_id, 'version', version, 'name', name, 'payment_token', payment_token,
    'rating', rating, 'needs', needs) as state
from rider;
