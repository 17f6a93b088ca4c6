-- One row per driver. What the driver does is kept by the trigger of `work`, so no code can forget it.
create table driver (
    driver_id uuid,
    -- It counts up with each change of the state.
    version bigint not null,
    state text not null,
    -- The driver wants to go offline after the ride for which it is reserved.
    is_leaving boolean not null default false,
    seats smallint not null,
    changed_at timestamptz not null,
    constraint driver_pkey primary key (driver_id),
    constraint driver_state check (state in ('offline', 'free', 'reserved', 'riding')),
    constraint driver_leaving check (not is_leaving or state = 'reserved'),
    constraint driver_seats check (seats between 1 and 8)
)
with (fillfactor = 70);

-- For which ride each driver is or was there.
create table work (
    ride_id uuid,
    attempt smallint,
    driver_id uuid not null,
    state text not null,
    reserved_at timestamptz not null,
    ended_at timestamptz,
    constraint work_pkey primary key (ride_id, attempt),
    constraint work_of_driver foreign key (driver_id) references driver (driver_id),
    constraint work_state check (state in ('reserved', 'riding', 'cancelled', 'released')),
    constraint work_ended check ((state in ('reserved', 'riding')) = (ended_at is null))
);

-- A driver is there for one ride, and a ride has one driver, whatever the code does.
create unique index work_live_driver on work (driver_id) where state in ('reserved', 'riding');
create unique index work_live_ride on work (ride_id) where state in ('reserved', 'riding');

create function driver_follows_work() returns trigger
language plpgsql
as $$
begin
    if new.state in ('reserved', 'riding') then
        update driver set state = new.state, is_leaving = false, version = version + 1,
            changed_at = now()
        where driver_id = new.driver_id;
    elsif old.state in ('reserved', 'riding') then
        update driver set state = case when is_leaving then 'offline' else 'free' end,
            is_leaving = false, version = version + 1, changed_at = now()
        where driver_id = new.driver_id;
    end if;
    return null;
end
$$;

create trigger work_moves_driver after insert or update of state on work
for each row execute function driver_follows_work();

-- The last place of each driver.
create table position (
    driver_id uuid,
    lat double precision not null,
    lon double precision not null,
    seen_at timestamptz not null,
    constraint position_pkey primary key (driver_id)
)
with (fillfactor = 50);

-- What is new is read by each replica, several times a second.
create index position_by_time on position (seen_at);
