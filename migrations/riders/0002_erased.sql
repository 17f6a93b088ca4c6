-- A rider who is erased keeps a row, with the last version and nothing of the person: copies learn of the erasure by it.
alter table rider alter column name drop not null;
alter table rider alter column payment_token drop not null;
alter table rider add column erased_at timestamptz;
alter table rider add constraint rider_erased_has_nobody
    check (num_nulls(name, payment_token) = case when erased_at is null then 0 else 2 end);

create or replace view shared_rider as
select rider_id as id, version, case when erased_at is null then jsonb_build_object(
    'rider_id', rider_id, 'version', version, 'name', name, 'payment_token', payment_token,
    'rating', rating, 'needs', needs) end as state
from rider;
