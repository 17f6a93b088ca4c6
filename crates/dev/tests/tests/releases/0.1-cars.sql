-- What version 0.1 of `cars` left behind. Never changed: the versions after it have to read it.
insert into ballet.ledger_other
    (saga_id, step, key, entry, arrived, ordinal, event_type, body, message_id, recorded_at)
values
    ('00000000-0000-4000-8000-000000000004', 'rent_car', '', 'calling', '', 0, null, null,
     '00000000-0000-4000-8000-0000000000a4', now());
insert into ballet.call
    (call_key, saga_id, step, key, undo, request, message_id, traceparent, owner, created_at,
     attempts, next_at, last_error, answer, closed_at)
values
    ('00000000-0000-4000-8000-0000000000c4', '00000000-0000-4000-8000-000000000004', 'rent_car',
     '', false, '"Rome"', '00000000-0000-4000-8000-0000000000a4', null,
     nextval('ballet.process'), now(), 2, now(), 'the rental does not answer', null, null);
