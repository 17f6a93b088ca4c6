-- What version 0.1 of `hotel` left behind. Never changed: the versions after it have to read it.
insert into room (room, saga_id) values (7, '00000000-0000-4000-8000-000000000001');
insert into ballet.inbox_other (message_id) values ('00000000-0000-4000-8000-0000000000a1');
insert into ballet.ledger_other
    (saga_id, step, key, entry, arrived, ordinal, event_type, body, message_id, recorded_at)
values
    ('00000000-0000-4000-8000-000000000001', 'book_room', '', 'done', '', 0,
     'hotel.room_booked.v1', '{"room":7}', '00000000-0000-4000-8000-0000000000a1', now());
-- Committed by a process that is gone, and not published.
insert into ballet.outbox_0
    (owner, batch, position, message_id, event_type, saga_id, causation_id, traceparent, body,
     created_at)
values
    (nextval('ballet.process'), 1, 0, '00000000-0000-4000-8000-0000000000b1',
     'hotel.hotel_renamed.v1', null, null, null, '{"name":"Ritz"}', now());
insert into ballet.failure
    (message_id, saga_id, event_type, handler, reason, detail, attempts, first_failed_at, next_at)
values
    ('00000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-000000000002',
     'desk.trip_booked.v1', 'book_room', 'permanent', 'no such hotel system', 1, now(), null);
