-- Open calls are claimed by step, compensations apart. Closed ones stay in the table for months.
create index if not exists call_due on ballet.call (step, undo, next_at) where closed_at is null;
