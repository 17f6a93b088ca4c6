-- The version of the driver at which its work began, and that at which it ended. All work of a driver changes under
-- the lock of the driver's row, so versions are the order in which it happened, whatever clocks say: a driver who was
-- in two at any moment has work whose versions overlap.
alter table work add column since_version bigint;
alter table work add column until_version bigint;

drop trigger work_moves_driver on work;

create or replace function driver_follows_work() returns trigger
language plpgsql
as $$
begin
    if new.state in ('reserved', 'riding') then
        update driver set state = new.state, version = version + 1, changed_at = now()
        where driver_id = new.driver_id
        returning case tg_op when 'INSERT' then version else new.since_version end
        into new.since_version;
    elsif old.state in ('reserved', 'riding') then
        update driver set state = case when is_leaving then 'offline' else 'free' end,
            is_leaving = false, version = version + 1, changed_at = now()
        where driver_id = new.driver_id
        returning version into new.until_version;
    end if;
    return new;
end
$$;

create trigger work_moves_driver before insert or update of state on work
for each row execute function driver_follows_work();
