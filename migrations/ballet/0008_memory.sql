-- Partitions that were dropped. Their names are never used again: a partition of that time would be
-- empty, and what was forgotten would look like something new.
create table ballet.dropped_partition (
    name text not null,
    dropped_at timestamptz not null default ballet.now(),
    constraint dropped_partition_pkey primary key (name)
);

-- Sagas without a time in their id whose rows were deleted by age. Nothing else tells them from new
-- ones.
create table ballet.forgotten_saga (
    saga_id uuid not null,
    constraint forgotten_saga_pkey primary key (saga_id)
);

-- Whether processes compare ballet.now() with their own clocks, and remove nothing while they differ.
-- A test, or a run with time sped up, replaces it together with ballet.now().
create function ballet.clock_is_checked() returns boolean
language sql volatile parallel safe
as 'select true';

-- The locks are held for a moment only. Whoever waits for an exclusive lock makes all others
-- wait behind it, so this asks for it again and again.
do $$
begin
    loop
        begin
            set local lock_timeout = '200ms';
            -- A failure is forgotten by the age of its last attempt, not of its first. For a volatile
            -- default, as ballet.now() is, the table would be written anew under the lock.
            alter table ballet.failure
                add column last_failed_at timestamptz not null default now();
            alter table ballet.failure alter column last_failed_at set default ballet.now();
            alter table ballet.inbox_other alter column received_at set default ballet.now();
            exit;
        exception when lock_not_available then
            perform pg_sleep(0.5);
        end;
    end loop;
end $$;
