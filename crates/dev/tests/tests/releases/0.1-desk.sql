-- What version 0.1 of `desk` left behind. Never changed: the versions after it have to read it.
insert into trip (saga_id, state) values ('00000000-0000-4000-8000-000000000003', 'booked');
insert into ballet.ledger_other
    (saga_id, step, key, entry, arrived, ordinal, event_type, body, message_id, recorded_at)
values
    ('00000000-0000-4000-8000-000000000003', 'book_trip', '', 'done', '', 0,
     'desk.trip_booked.v1', '{"city":"Rome"}', null, now());
insert into ballet.deadline (saga_id, saga, due_at, message_id, traceparent)
values
    ('00000000-0000-4000-8000-000000000003', 'trip', now(),
     '00000000-0000-4000-8000-0000000000a3',
     '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
