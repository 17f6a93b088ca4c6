//! One service's state over all its sagas: failures, open work, and whether it is alive.

use std::collections::BTreeMap;

use ballet_store::database::clock::now;
use ballet_store::deadlines;
use ballet_store::inbox::stuck::{self, StuckEntry};
use ballet_store::process::{Liveness, alive};
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::read::{PendingWork, pending};
use crate::databases::{ServiceDatabase, ServiceDatabases};

const MOST: u32 = 100_000;

#[derive(Debug)]
pub(crate) struct ServiceState {
    pub(crate) at: Timestamp,
    pub(crate) pending: PendingWork,
    pub(crate) failures: Vec<StuckEntry>,
    /// The saga of each deadline, and when it passes.
    pub(crate) deadlines: Vec<(Uuid, Timestamp)>,
    pub(crate) alive: Liveness,
}

impl ServiceState {
    async fn read(db: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let at = now(db).await?;
        let alive = alive(db).await?;
        let pending = pending(db).await?;
        let failures = stuck::list(db, MOST).await?;
        let deadlines = deadlines::all(db).await?;
        Ok(Self { at, pending, failures, deadlines, alive })
    }
}

pub(crate) async fn states<'a>(
    sources: &mut ServiceDatabases<'a>,
) -> BTreeMap<&'a str, ServiceState> {
    let mut states = BTreeMap::new();
    for ServiceDatabase { service, server, db } in sources.each() {
        if let Some(state) = server.read(ServiceState::read(db)).await {
            states.insert(*service, state);
        }
    }
    states
}
