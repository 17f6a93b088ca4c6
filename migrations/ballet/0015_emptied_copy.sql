-- When the copy was emptied, because its owner's versions were set back. Messages that were made before
-- count no more. A release before this one takes them.
alter table ballet.copy_fill add column emptied_at timestamptz;

-- The first entity that the last run could not publish, and why.
alter table ballet.republication add column left_out text;
