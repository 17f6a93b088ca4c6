-- What a ride that has arrived costs: the quoted price, or the part of it that is verified. A ride of a release before
-- costs its price.
alter table ride add column fare_minor bigint;
alter table ride add constraint ride_fare check (fare_minor >= 0);

-- The rides that are not over, which are few among all.
create index ride_open on ride (ride_id desc) where status not in ('completed', 'cancelled');
