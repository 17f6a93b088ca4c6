-- When the order was confirmed: `changed_at` is overwritten when it is completed. Null if it was not,
-- or by an earlier release.
alter table customer_order add column confirmed_at timestamptz;
