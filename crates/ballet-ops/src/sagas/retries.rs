//! Retries, by the databases of the services: the journal has only those that ended as dead letters.

use ballet_store::inbox::stuck;
use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;

use crate::databases::{ServiceDatabase, ServiceDatabases, read_in_time};

/// The steps of a service of which something was tried again, how much, and when it failed last.
pub type ServiceRetries = (String, Vec<(String, i64, Timestamp)>);

/// Returns what was tried again in each service since a time, as long as it keeps the failures; and a sentence for each
/// database that cannot be read.
pub async fn retries(
    databases: &[(String, PgConnectOptions)],
    since: Option<Timestamp>,
) -> (Vec<ServiceRetries>, Vec<String>) {
    let mut sources = ServiceDatabases::open(databases).await;
    let (mut found, mut lost) = (Vec::new(), Vec::new());
    for ServiceDatabase { service, options, db } in &mut sources.open {
        match read_in_time(&[*options], stuck::retries(db, since)).await {
            Ok(retries) => found.push(((*service).to_owned(), retries)),
            Err(why) => lost.push((*service, why)),
        }
    }
    sources.lose_all(lost);
    let away = sources.why_away();
    sources.close().await;
    (found, away)
}
