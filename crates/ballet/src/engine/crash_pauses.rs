//! How long work is put off that may crash the database's server, before it is set aside. At once would be too
//! soon: while a disk is full, the server crashes under whatever writes.

use std::time::Duration;

/// As long as a message that fails waits in the retry queues.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(5 * 60)];

/// How long work is put off under which the whole server ends, again and again. It is never set aside: a server
/// is also started anew for other reasons.
pub(crate) fn longest() -> Duration {
    PAUSES[PAUSES.len() - 1]
}

/// How long work is put off that was put off this often; `None` if it is set aside.
pub(crate) fn pause(before: u32) -> Option<Duration> {
    PAUSES.get(usize::try_from(before).unwrap_or(usize::MAX)).copied()
}
