-- What is known of an open call's way outside, and that a database comes from a backup.
--
-- The lock is held for a moment only. Whoever waits for an exclusive lock makes all others wait behind it,
-- so this asks for it again and again.
do $$
begin
    loop
        begin
            set local lock_timeout = '200ms';
            -- When the other side first said that it has the request and no outcome yet.
            alter table ballet.call add column taken_at timestamptz;
            -- Until when an attempt may be out whose claim was ended before its time.
            alter table ballet.call add column out_until timestamptz;
            exit;
        exception when lock_not_available then
            perform pg_sleep(0.5);
        end;
    end loop;
end $$;

-- That the database was restored from a backup. Until it has heard what it missed, it takes in no abort.
create table ballet.restored (
    only_one boolean not null default true,
    restored_at timestamptz not null,
    hold_until timestamptz not null,
    constraint restored_pkey primary key (only_one),
    constraint restored_only_one check (only_one)
);
