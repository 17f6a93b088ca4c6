-- A refusal leaves no row: no payment is declined.
alter table payment drop constraint payment_state, drop constraint payment_reference;
alter table payment alter column reference set not null,
    add constraint payment_state check (state in ('held', 'paid', 'owed', 'released'));
