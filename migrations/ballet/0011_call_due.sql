-- Open calls are claimed by step, compensations apart. Closed ones stay in the table for months.
-- Some databases have the index already. A build beside writers that was lost has left one that nothing uses.
do $$ begin
    if exists (select from pg_index where indexrelid = to_regclass('ballet.call_due') and not indisvalid) then
        drop index ballet.call_due;
    end if;
end $$;
create index if not exists call_due on ballet.call (step, undo, next_at) where closed_at is null;
