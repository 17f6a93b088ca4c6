//! What one service shows of all its sagas: what failed, what is open, and whether it is alive.

use std::collections::BTreeMap;

use ballet_store::database::clock::now;
use ballet_store::deadlines;
use ballet_store::inbox::stuck::{self, StuckEntry};
use ballet_store::process::{Liveness, alive};
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::read::{Pending, pending};
use crate::databases::{Source, Sources, answered};
use crate::sagas::hindrance::{self, Hindrance};

/// The most failures that are read of one service.
const MOST: u32 = 100_000;

/// What one service shows of all its sagas.
#[derive(Debug)]
pub(crate) struct State {
    /// When it was read.
    pub(crate) at: Timestamp,
    pub(crate) pending: Pending,
    pub(crate) failures: Vec<StuckEntry>,
    /// The saga of each deadline, and when it passes.
    pub(crate) deadlines: Vec<(Uuid, Timestamp)>,
    pub(crate) alive: Liveness,
    /// What keeps its sagas from going on.
    pub(crate) hindrances: Vec<Hindrance>,
}

impl State {
    async fn read(service: &str, db: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let at = now(db).await?;
        let alive = alive(db).await?;
        let pending = pending(db).await?;
        let hindrances = hindrance::of_service(service, alive, db).await?;
        let failures = stuck::list(db, MOST).await?;
        let deadlines = deadlines::all(db).await?;
        Ok(Self { at, pending, failures, deadlines, alive, hindrances })
    }
}

/// What hinders in the services that were read.
pub(crate) fn hindrances(states: &BTreeMap<&str, State>) -> Vec<Hindrance> {
    states.values().flat_map(|state| &state.hindrances).cloned().collect()
}

/// What each service shows of all its sagas.
pub(crate) async fn states<'a>(sources: &mut Sources<'a>) -> BTreeMap<&'a str, State> {
    let (mut states, mut lost) = (BTreeMap::new(), Vec::new());
    for Source { service, options, db } in &mut sources.open {
        match answered(&[*options], State::read(service, db)).await {
            Ok(state) => {
                states.insert(*service, state);
            }
            Err(why) => lost.push((*service, why)),
        }
    }
    sources.lose_all(lost);
    states
}
