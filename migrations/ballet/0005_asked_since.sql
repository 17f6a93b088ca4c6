-- Since when the other side may know the call's key, if that is before the call was stored: a database that was restored
-- makes calls of the time since its backup again. Null: since it was stored.
alter table ballet.call add column asked_since timestamptz;
-- Up to when the backup had everything; of several backups the oldest. Null: an earlier release restored it.
alter table ballet.restored add column backup_at timestamptz;
