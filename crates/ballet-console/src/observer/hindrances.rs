//! Looks for hindrances of sagas that are not their own fault. Nothing is known of a service that does not answer for
//! long.

use std::sync::Arc;
use std::time::Duration;

use ballet_ops::sagas::{Hindrance, hindrances_of_broker, hindrances_of_service};
use ballet_store::process::alive;
use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::contract_index::ContractIndex;
use crate::inspector::Inspector;

const EVERY: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(5);
/// The broker is asked once in this many rounds.
const ROUNDS: u32 = 4;
/// The rounds for which the last answer of a silent database stays valid. Without it the sagas that it holds back would
/// be called stuck at once, and a database is slow just when many of them wait.
const KEPT: u32 = 6;
/// Ends an abandoned look in the database too, so that the next one does not add to it.
const STATEMENT_LIMIT: (&str, &str) = ("statement_timeout", "5s");

/// The last findings, and the number of unanswered looks since.
#[derive(Debug, Default)]
struct LastFindings {
    found: Vec<Hindrance>,
    unanswered: u32,
}

impl LastFindings {
    /// Returns the findings that are valid after a look. `look` is what it found, if it had an answer.
    fn after(&mut self, look: Option<Vec<Hindrance>>) -> Vec<Hindrance> {
        match look {
            Some(found) => *self = Self { found, unanswered: 0 },
            None => self.unanswered = self.unanswered.saturating_add(1),
        }
        if self.unanswered > KEPT { Vec::new() } else { self.found.clone() }
    }
}

/// A service's database, and the last findings there.
struct DatabaseLook {
    service: String,
    options: PgConnectOptions,
    db: Option<PgConnection>,
    last: LastFindings,
}

/// Looks for hindrances forever.
pub(crate) async fn watch(
    databases: Vec<(String, PgConnectOptions)>,
    looks: Option<Arc<dyn Inspector>>,
    contract_index: Arc<ContractIndex>,
    hindrances: watch::Sender<Vec<Hindrance>>,
) {
    let looked = |(service, options): (String, PgConnectOptions)| {
        let options = options.options([STATEMENT_LIMIT]);
        DatabaseLook { service, options, db: None, last: LastFindings::default() }
    };
    let mut open: Vec<DatabaseLook> = databases.into_iter().map(looked).collect();
    let mut of_broker = Vec::new();
    for round in (0..ROUNDS).cycle() {
        let of_services = open.iter_mut().map(|of| async move {
            let look = timeout(PATIENCE, of_service(&of.service, &of.options, &mut of.db)).await;
            let found = look.ok().and_then(Result::ok);
            if found.is_none() {
                of.db = None;
            }
            of.last.after(found)
        });
        let mut now: Vec<Hindrance> = join_all(of_services).await.into_iter().flatten().collect();
        if let (0, Some(looks)) = (round, &looks) {
            let found = timeout(PATIENCE, looks.broker()).await;
            let found = found.ok().and_then(Result::ok).unwrap_or_default();
            of_broker = hindrances_of_broker(contract_index.system(), &found);
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
    hindrances_of_service(service, alive, db).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_counts_for_some_looks_without_an_answer() {
        let found = vec![Hindrance {
            service: "shop".to_owned(),
            step: None,
            why: "it has no process".to_owned(),
        }];
        let mut last = LastFindings::default();
        assert_eq!(last.after(None), []);
        for _ in 0..2 {
            assert_eq!(last.after(Some(found.clone())), found);
            for _ in 0..KEPT {
                assert_eq!(last.after(None), found);
            }
            assert_eq!(last.after(None), []);
        }
        last.after(Some(found));
        assert_eq!(last.after(Some(Vec::new())), []);
    }
}
