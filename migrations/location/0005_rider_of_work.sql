-- Whom the driver is there for: a rider sees where that driver is. Work of a release before has none.
alter table work add column rider_id uuid;
