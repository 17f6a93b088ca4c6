//! A service's figures from its database: processes, waiting messages, copies and readers.

use std::collections::BTreeMap;

use ballet_store::copies::state::{self as copies, CopyState};
use ballet_store::process::{Replicas, UnreadyProcess, replicas, unready};
use ballet_store::telemetry::reader_places::{self, ReaderPlace};
use ballet_store::waiting::{self, InboxWaits, OutboxWaits};
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;

use crate::databases::{ServiceDatabase, ServiceDatabases, read_in_time};

/// The figures of one service.
#[derive(Debug, Clone)]
pub struct ServiceFigures {
    /// Its live processes, by version.
    pub replicas: Vec<Replicas>,
    /// Its processes that are not ready.
    pub unready: Vec<UnreadyProcess>,
    /// The messages that wait to be published.
    pub outbox: OutboxWaits,
    /// The messages that wait to be handled.
    pub inbox: InboxWaits,
    /// Its copies, each with the number of changes it is behind, or `None` if the owner's database does not tell.
    pub copies: Vec<(CopyState, Option<i64>)>,
    /// Its readers of telemetry.
    pub readers: Vec<ReaderPlace>,
}

/// Reads the figures of each service. The error says why its database cannot be read.
pub async fn figures(
    databases: &[(String, PgConnectOptions)],
) -> BTreeMap<String, Result<ServiceFigures, String>> {
    let mut sources = ServiceDatabases::open(databases).await;
    let mut found = BTreeMap::new();
    for ServiceDatabase { service, server, db } in sources.each() {
        if let Some(figures) = server.read(read(db)).await {
            found.insert(*service, figures);
        }
    }
    let of_copies = found.values_mut().flat_map(|figures| &mut figures.copies);
    for (copy, behind) in of_copies {
        let owner = sources.each().find(|source| source.service == copy.owner);
        let Some(ServiceDatabase { server, db, .. }) = owner else { continue };
        // An unavailable owner does not hide the rest.
        let share =
            read_in_time(&[server.options], copies::share(db, &copy.entity)).await.ok().flatten();
        *behind = share.map(|share| share.versions.saturating_sub(copy.versions).max(0));
    }
    let away = sources.away().iter().map(|(service, why)| (service.to_string(), Err(why.clone())));
    let away: Vec<_> = away.collect();
    let found = found.into_iter().map(|(service, figures)| (service.to_owned(), Ok(figures)));
    let all = found.chain(away).collect();
    sources.close().await;
    all
}

async fn read(db: &mut PgConnection) -> Result<ServiceFigures, sqlx::Error> {
    let copies = copies::copies(db).await?.into_iter().map(|copy| (copy, None)).collect();
    Ok(ServiceFigures {
        replicas: replicas(db).await?,
        unready: unready(db).await?,
        outbox: waiting::outbox(db).await?,
        inbox: waiting::inbox(db).await?,
        copies,
        readers: reader_places::all(db).await?,
    })
}
