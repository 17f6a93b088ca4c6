-- Who goes offline on the way to the pickup is offline after the ride, and not only if it is cancelled.
alter table driver drop constraint driver_leaving;
alter table driver
    add constraint driver_leaving check (not is_leaving or state in ('reserved', 'riding'));

create or replace function driver_follows_work() returns trigger
language plpgsql
as $$
begin
    if new.state in ('reserved', 'riding') then
        update driver set state = new.state, version = version + 1, changed_at = now()
        where driver_id = new.driver_id;
    elsif old.state in ('reserved', 'riding') then
        update driver set state = case when is_leaving then 'offline' else 'free' end,
            is_leaving = false, version = version + 1, changed_at = now()
        where driver_id = new.driver_id;
    end if;
    return null;
end
$$;
