//! The messages of a stream that were being written when the database was lost: they may crash the server. They are
//! remembered beyond the lease, because the lease is lost with the database.

use ballet_store::database::probe::Server;
use tokio::sync::Mutex;

use crate::declare::handler::failure::Failure;
use crate::engine::database::Database;
use crate::upkeep::database::crashes::{Blame, Crashes};

/// The messages that were being written when the database was lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct LostMessages {
    pub(super) first: i64,
    pub(super) last: i64,
    /// The server when it began.
    pub(super) server: Option<Server>,
}

/// The suspects of one stream.
#[derive(Debug, Default)]
pub(super) struct Suspects(Mutex<SuspectState>);

#[derive(Debug, Default)]
struct SuspectState {
    /// Up to this offset, messages are written one by one.
    until: Option<i64>,
    crashes: Crashes<i64>,
    /// The message whose reading goes aside, and why.
    condemned: Option<(i64, String)>,
}

impl Suspects {
    /// Whether messages from this offset on are written one by one.
    pub(super) async fn are_from(&self, first: i64) -> bool {
        self.0.lock().await.until.is_some_and(|until| first <= until)
    }

    /// Why the reading of this message goes aside, if it does.
    pub(super) async fn condemned(&self, offset: i64) -> Option<String> {
        let known = self.0.lock().await;
        known.condemned.as_ref().filter(|(at, _)| *at == offset).map(|(_, why)| why.clone())
    }

    /// Notes that all messages up to this offset are written.
    pub(super) async fn are_written(&self, last: i64) {
        let mut known = self.0.lock().await;
        if known.until.is_some_and(|until| until <= last) {
            *known = SuspectState::default();
        }
    }

    /// The database was lost under these messages. Of several, each is written alone from now on. Returns when the
    /// database works again, with what becomes of a single one.
    pub(super) async fn lost(
        &self,
        database: &Database,
        lost: LostMessages,
        failure: &Failure,
    ) -> Blame {
        let LostMessages { first, last, server } = lost;
        let mut known = self.0.lock().await;
        known.until = known.until.max(Some(last));
        if first != last {
            return Blame::None;
        }
        let blame = known.crashes.blame(database, first, server, failure).await;
        if blame == Blame::SetAside {
            known.condemned = Some((first, failure.to_string()));
        }
        blame
    }
}
