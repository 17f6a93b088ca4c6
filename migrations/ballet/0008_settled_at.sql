-- The time that the process took for settled when it renewed its lease. One that starts while its clock and the database's
-- differ knows by it which of them is behind. Null: an earlier release wrote the row, or time passes on purpose.
alter table ballet.process_lease add column settled_at timestamptz;
