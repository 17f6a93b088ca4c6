-- A refusal leaves no row: no shipment is rejected, or has a reason.
alter table shipment drop constraint shipment_state, drop constraint shipment_tracking, drop column reason;
alter table shipment alter column tracking set not null,
    add constraint shipment_state check (state in ('scheduled', 'cancelled', 'dispatched', 'delivered'));
