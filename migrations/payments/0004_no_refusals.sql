-- A refusal leaves no row: no payment is declined, or has a reason.
alter table payment drop constraint payment_state, drop constraint payment_reference, drop column reason;
alter table payment alter column reference set not null,
    add constraint payment_state check (state in ('authorized', 'captured', 'voided', 'refunded'));
