-- Whose the database is: the environment, if the services were told one, or else the broker that they work with. Elsewhere a
-- copy would make the open calls of the original, and publish its events.
create table ballet.home (
    only_one boolean not null default true,
    environment text,
    vhost text not null,
    hosts text[] not null,
    constraint home_pkey primary key (only_one),
    constraint home_only_one check (only_one)
);

-- Makes a copy a database of that environment. What the original has begun does not go on in it.
create function ballet.adopt(copy_environment text) returns void
language plpgsql
as $$
declare
    name text;
begin
    -- The first key is "blt" in ASCII: processes show with it that they live.
    if exists (select from pg_locks where locktype = 'advisory' and objsubid = 2 and classid = x'626c74'::int
        and database = (select oid from pg_database where datname = current_database()))
    then
        raise 'a process of the service is alive: stop it, if this is a copy';
    elsif exists (select from ballet.home where environment = copy_environment) then
        raise 'the database is no copy: it is of % itself', copy_environment;
    end if;
    for name in select relname from pg_class
        where relnamespace = 'ballet'::regnamespace and relkind = 'r' and relname ~ '^outbox_[0-9]+$'
    loop
        execute format('truncate ballet.%I', name);
    end loop;
    update ballet.outbox_table set owner = null;
    truncate ballet.outbox_dead, ballet.unsent_copy, ballet.failure, ballet.deadline, ballet.process_lease, ballet.restored,
        ballet.telemetry_reader, ballet.telemetry_replica;
    delete from ballet.call where closed_at is null;
    update ballet.solved set next_at = null where next_at is not null;
    insert into ballet.home (environment, vhost, hosts) values (copy_environment, '', '{}')
        on conflict (only_one) do update
        set environment = excluded.environment, vhost = excluded.vhost, hosts = excluded.hosts;
end $$;
