//! Which work crashes the database's server each time. It is put off for longer and longer, as messages are, and
//! then set aside.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use ballet_store::database::probe::Server;

use crate::declare::failure::{Failure, FailureKind};
use crate::engine::crash_pauses::pause;
use crate::engine::engine::Engine;

/// After this many losses of the connection under one piece of work, the work may be to blame.
const LOSSES: u32 = 3;
/// For how long work is set aside: until a person has it tried again.
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
pub(crate) struct Crashes<W>(HashMap<W, u32>);

impl<W> Default for Crashes<W> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<W: Eq + Hash> Crashes<W> {
    /// Says whether the work has lost its connection often enough to be what crashes the server, which was
    /// `server` when it began. Returns when the database works again. A server that was started anew
    /// charges nobody.
    pub(crate) async fn blame(
        &mut self,
        engine: &Engine,
        work: W,
        server: Option<Server>,
        failure: &Failure,
    ) -> Blame {
        if failure.kind() != FailureKind::ConnectionLost {
            return Blame::None;
        }
        engine.database_is_away(failure);
        engine.wait_for_database().await;
        if server.is_some() && engine.probe.server() != server {
            return Blame::None;
        }
        let losses = self.0.entry(work).or_default();
        *losses += 1;
        if !losses.is_multiple_of(LOSSES) {
            return Blame::None;
        }
        pause(*losses / LOSSES - 1).map_or(Blame::SetAside, Blame::PutOff)
    }

    /// The work is done, or set aside.
    pub(crate) fn forget(&mut self, work: &W) {
        self.0.remove(work);
    }
}

/// Notes that work is set aside. The crash has ended all sessions of the pool, and each of them fails once:
/// if the note were given up then, the work would crash the server as often.
pub(crate) async fn noted<Note: Future<Output = Result<(), Failure>>>(
    engine: &Engine,
    note: impl Fn() -> Note,
) -> Result<(), Failure> {
    while let Err(failure) = note().await {
        if failure.kind() != FailureKind::ConnectionLost || *engine.stopping.borrow() {
            return Err(failure);
        }
        engine.database_is_away(&failure);
        engine.wait_for_database().await;
    }
    Ok(())
}
