-- What happened to a ride so far, as those who watch it are told: each change of its status, in order. The database
-- keeps it, so no code can forget it.
alter table ride add column history jsonb not null default '[]';

create function note_status() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' or new.status <> old.status then
        new.history := new.history || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
            'ride_id', new.ride_id, 'status', new.status, 'attempt', new.attempt,
            'driver_id', new.driver_id, 'reason', new.reason, 'changed_at', new.changed_at)));
    end if;
    return new;
end
$$;

create trigger ride_history before insert or update on ride for each row execute function note_status();
