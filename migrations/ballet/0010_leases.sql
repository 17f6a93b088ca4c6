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
-- owner is 0. The index for this, call_due, is built after the migrations, beside the replicas that
-- write (tables/indexes.rs). Replicas of the release before read by next_at alone, so call_open stays
-- for this release; the next one drops it.
