-- The message id of the event that an outcome was published as. With its body, the event can be sent again although the
-- broker has lost it. Null: none was published, or by an earlier release.
alter table ballet.ledger add column emitted_id uuid;
alter table ballet.ledger_other add column emitted_id uuid;
