//! Looks what keeps sagas from going on that is not theirs. Of whom does not answer nothing is known.

use std::sync::Arc;
use std::time::Duration;

use ballet_ops::sagas::{Hindrance, hindrances_of_broker, hindrances_of_service};
use ballet_store::calls::open;
use ballet_store::process::alive;
use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::known::Known;
use crate::looks::Looks;

const EVERY: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(5);
/// The broker is asked each so many rounds.
const ROUNDS: u32 = 4;

/// Looks for ever what hinders.
pub(crate) async fn watch(
    databases: Vec<(String, PgConnectOptions)>,
    looks: Option<Arc<dyn Looks>>,
    known: Arc<Known>,
    hindrances: watch::Sender<Vec<Hindrance>>,
) {
    let mut open: Vec<(String, PgConnectOptions, Option<PgConnection>)> =
        databases.into_iter().map(|(service, options)| (service, options, None)).collect();
    let mut of_broker = Vec::new();
    for round in (0..ROUNDS).cycle() {
        let of_services = open.iter_mut().map(|(service, options, db)| async move {
            let looked = timeout(PATIENCE, of_service(service, options, db)).await;
            if !matches!(looked, Ok(Ok(_))) {
                *db = None;
            }
            looked.ok().and_then(Result::ok).unwrap_or_default()
        });
        let mut now: Vec<Hindrance> = join_all(of_services).await.into_iter().flatten().collect();
        if let (0, Some(looks)) = (round, &looks) {
            let found = timeout(PATIENCE, looks.broker()).await;
            let found = found.ok().and_then(Result::ok).unwrap_or_default();
            of_broker = hindrances_of_broker(known.system(), &found);
        }
        now.extend(of_broker.iter().cloned());
        hindrances.send_if_modified(|before| {
            let is_new = *before != now;
            *before = now;
            is_new
        });
        sleep(EVERY).await;
    }
}

async fn of_service(
    service: &str,
    options: &PgConnectOptions,
    db: &mut Option<PgConnection>,
) -> Result<Vec<Hindrance>, sqlx::Error> {
    let db = match db {
        Some(db) => db,
        None => db.insert(PgConnection::connect_with(options).await?),
    };
    let alive = alive(db).await?;
    let calls = open::list(db).await?;
    hindrances_of_service(service, alive, &calls, db).await
}
