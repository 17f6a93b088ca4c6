-- Each process that is alive renews its lease every few seconds. A frozen process keeps its session,
-- and the lock on its number, for ever; but its lease runs out. Processes of the releases before have
-- no row here: they are alive while they hold the lock.
create table ballet.process_lease (
    process bigint not null,
    -- By ballet.now().
    lease_until timestamptz not null,
    constraint process_lease_pkey primary key (process)
);

-- Open calls are claimed by step, compensations apart: next_at is when a call may be claimed next.
-- While a process has claimed it, this is when the claim ends, and the process is the owner; else the
-- owner is 0. In place of the index by next_at alone. Whoever waits for an exclusive lock makes all
-- others wait behind it, so this asks for it again and again.
do $$
begin
    loop
        begin
            set local lock_timeout = '200ms';
            lock table ballet.call in access exclusive mode;
            create index call_due on ballet.call (step, undo, next_at) where closed_at is null;
            drop index ballet.call_open;
            exit;
        exception when lock_not_available then
            perform pg_sleep(0.5);
        end;
    end loop;
end $$;
