//! Which work crashes the database's server each time. It is put off for longer and longer, as messages are, and
//! then set aside.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use ballet_store::database::probe::Server;

use crate::declare::handler::failure::{Failure, FailureKind};
use crate::engine::crash_pauses::{longest, pause};
use crate::engine::database::Database;

/// After this many losses of the connection under one piece of work, the work may be to blame.
const LOSSES: u32 = 3;
/// The time for which work is set aside: until a person has it tried again.
pub(crate) const FOR_GOOD: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The treatment of work under which the connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// It is tried again at once.
    None,
    /// It is put off.
    PutOff(Duration),
    /// It is set aside.
    SetAside,
}

/// How often the connection was lost under each piece of work.
#[derive(Debug)]
pub(crate) struct Crashes<W>(HashMap<W, Losses>);

#[derive(Debug, Default)]
struct Losses {
    /// Losses of connections to a server that went on.
    crashes: u32,
    /// Losses of connections that ended with their server.
    restarts: u32,
}

impl<W> Default for Crashes<W> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<W: Eq + Hash> Crashes<W> {
    /// Says whether the work has lost its connection often enough to be what crashes the server, which was
    /// `server` when it began. Returns when the database works again. Under which work a server ended that was
    /// started anew, says less: that work is put off after several times, and never set aside.
    pub(crate) async fn blame(
        &mut self,
        database: &Database,
        work: W,
        server: Option<Server>,
        failure: &Failure,
    ) -> Blame {
        if failure.kind() != FailureKind::ConnectionLost {
            return Blame::None;
        }
        database.is_away(failure);
        database.until_it_works().await;
        self.0.entry(work).or_default().blame(server.is_some() && database.probe.server() != server)
    }

    /// The work is done, or set aside.
    pub(crate) fn forget(&mut self, work: &W) {
        self.0.remove(work);
    }
}

impl Losses {
    fn blame(&mut self, was_restarted: bool) -> Blame {
        let losses = if was_restarted { &mut self.restarts } else { &mut self.crashes };
        *losses += 1;
        if !losses.is_multiple_of(LOSSES) {
            return Blame::None;
        }
        match pause(*losses / LOSSES - 1) {
            Some(pause) => Blame::PutOff(pause),
            None if was_restarted => Blame::PutOff(longest()),
            None => Blame::SetAside,
        }
    }
}

/// Notes that work is set aside. The crash has ended all sessions of the pool, and each of them fails once:
/// if the note were given up then, the work would crash the server as often.
pub(crate) async fn noted<Note: Future<Output = Result<(), Failure>>>(
    database: &Database,
    note: impl Fn() -> Note,
) -> Result<(), Failure> {
    while let Err(failure) = note().await {
        if failure.kind() != FailureKind::ConnectionLost || database.is_stopping() {
            return Err(failure);
        }
        database.is_away(&failure);
        database.until_it_works().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t209_what_crashes_a_server_is_set_aside_at_last_and_under_what_one_is_restarted_never() {
        let after = |was_restarted: bool| {
            let mut losses = Losses::default();
            (0..8 * LOSSES).map(|_| losses.blame(was_restarted)).collect::<Vec<_>>()
        };
        let (crashed, restarted) = (after(false), after(true));
        for (at, (crash, restart)) in crashed.iter().zip(&restarted).enumerate() {
            let is_third = (at + 1).is_multiple_of(3);
            assert_eq!(*crash != Blame::None, is_third, "{at}: {crash:?}");
            assert_eq!(matches!(restart, Blame::PutOff(_)), is_third, "{at}: {restart:?}");
        }
        assert_eq!(crashed[2], Blame::PutOff(Duration::from_secs(5)));
        assert_eq!(crashed[11], Blame::SetAside);
        assert_eq!(restarted[23], Blame::PutOff(longest()));
    }
}
