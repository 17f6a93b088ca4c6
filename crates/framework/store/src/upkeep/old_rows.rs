//! Rows as they would be there after days of work, for benchmarks. Each statement goes on with a `from` that has the
//! columns `id` and `at`.

/// Messages that were handled.
pub const OF_INBOX: &str = "insert into ballet.inbox (message_id, received_at) select id, at";

/// Sagas of one step.
pub const OF_LEDGER: &str = "insert into ballet.ledger (saga_id, step, key, entry, arrived, ordinal, \
    event_type, body, message_id, recorded_at) select id, 'move', '', 'done', '', 0, 'b.moved.v1', \
    '{\"account\":1,\"amount\":1,\"refused\":false,\"memo\":\"old\"}', id, at";
