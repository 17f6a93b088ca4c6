//! The databases of several services. One unavailable server does not keep the others from being read.

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::time::Duration;

use ballet_core::Cause;
use ballet_store::database::connection::{connect_briefly, set};
use ballet_store::database::probe::cause_of_refusal;
use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

/// After this time without a result a second connection checks that the server still answers: reading a long ledger may
/// take longer.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct ServiceDatabase<'a> {
    pub(crate) service: &'a str,
    pub(crate) server: DatabaseServer<'a>,
    pub(crate) db: PgConnection,
}

pub(crate) struct DatabaseServer<'a> {
    pub(crate) options: &'a PgConnectOptions,
    lost: Option<String>,
}

impl DatabaseServer<'_> {
    /// Waits for a read while the server answers. Without a result, the database is left out from now on.
    pub(crate) async fn read<T>(
        &mut self,
        read: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Option<T> {
        let read = read_in_time(&[self.options], read).await;
        read.map_err(|why| self.lost = Some(why)).ok()
    }
}

#[derive(Default)]
pub(crate) struct ServiceDatabases<'a> {
    pub(crate) open: Vec<ServiceDatabase<'a>>,
    pub(crate) away: BTreeMap<&'a str, String>,
}

impl<'a> ServiceDatabases<'a> {
    pub(crate) async fn open(databases: &'a [(String, PgConnectOptions)]) -> Self {
        let connects = databases.iter().map(|(service, options)| async move {
            (&**service, options, connect_in_time(options).await)
        });
        let mut sources = Self::default();
        for (service, options, connected) in join_all(connects).await {
            match connected {
                Ok(db) => {
                    let server = DatabaseServer { options, lost: None };
                    sources.open.push(ServiceDatabase { service, server, db });
                }
                Err(error) => {
                    sources.away.insert(service, error.to_string());
                }
            }
        }
        sources
    }

    pub(crate) fn each(&mut self) -> impl Iterator<Item = &mut ServiceDatabase<'a>> {
        self.away();
        self.open.iter_mut()
    }

    /// Returns why databases cannot be read, by service.
    pub(crate) fn away(&mut self) -> &BTreeMap<&'a str, String> {
        self.open.retain_mut(|source| {
            let lost = source.server.lost.take();
            lost.map(|why| self.away.insert(source.service, why)).is_none()
        });
        &self.away
    }

    /// Returns a sentence for each unreadable database.
    pub(crate) fn why_away(&mut self) -> Vec<String> {
        let away = self.away().iter();
        away.map(|(service, why)| format!("the database of {service}: {why}")).collect()
    }

    pub(crate) async fn close(self) {
        // The sessions end anyway. An orderly close keeps the servers' logs quiet.
        let closes = self.open.into_iter().map(|source| timeout(PATIENCE, source.db.close()));
        join_all(closes).await;
    }
}

/// Connects to the database of a service. The error is a sentence.
///
/// # Errors
///
/// If its address is not among these, or no server answers in time.
pub async fn connect_to(
    databases: &[(String, PgConnectOptions)],
    service: &str,
) -> Result<PgConnection, String> {
    let connected = match databases.iter().find(|(name, _)| name == service) {
        Some((_, options)) => connect_in_time(options).await.map_err(|error| error.to_string()),
        None => Err("its address is not known: set DATABASE_URL".to_owned()),
    };
    connected.map_err(|why| format!("the database of {service}: {why}"))
}

/// Waits for a read while its servers answer. Otherwise the error says why not.
pub(crate) async fn read_in_time<T>(
    servers: &[&PgConnectOptions],
    read: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, String> {
    let mut read = pin!(read);
    loop {
        match timeout(PATIENCE, &mut read).await {
            Ok(read) => return read.map_err(|error| error.to_string()),
            Err(_) => {
                for options in servers {
                    let probe =
                        connect_in_time(options).await.map_err(|error| error.to_string())?;
                    timeout(PATIENCE, probe.close()).await.ok();
                }
            }
        }
    }
}

/// Connects to a service's database for a system's own audit. A statement waits at most half a minute for a lock, since
/// the server of a locked table still answers.
///
/// # Errors
///
/// If `databases` has no URL of it, the URL is wrong, or no server answers within ten seconds.
pub async fn connect(
    databases: &BTreeMap<String, String>,
    service: &str,
) -> sqlx::Result<PgConnection> {
    let options = options_of(databases, service)?;
    let connect = async {
        let mut db = PgConnection::connect_with(&options).await?;
        set(&mut db, &[("lock_timeout", "30s")]).await?;
        Ok(db)
    };
    timeout(PATIENCE, connect).await.map_err(|_| {
        let silence = format!("{service} has not answered within {} s", PATIENCE.as_secs());
        sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, silence))
    })?
}

/// Waits for a read of these services' databases while their servers answer, for a system's own audit. A table can be
/// long.
///
/// # Errors
///
/// The errors of the read; a missing or wrong URL; or a server that no longer answers.
pub async fn while_answering<T>(
    databases: &BTreeMap<String, String>,
    services: &[&str],
    read: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    let mut options = Vec::with_capacity(services.len());
    for service in services {
        options.push(options_of(databases, service)?);
    }
    let servers: Vec<&PgConnectOptions> = options.iter().collect();
    // Boxed because of its size.
    let read = Box::pin(read_in_time(&servers, async move { Ok::<_, sqlx::Error>(read.await) }));
    read.await.map_err(|why| {
        let silence = format!("the server does not answer any more: {why}");
        sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, silence))
    })?
}

fn options_of(
    databases: &BTreeMap<String, String>,
    service: &str,
) -> sqlx::Result<PgConnectOptions> {
    let url = databases.get(service).ok_or_else(|| {
        sqlx::Error::Configuration(format!("nobody said where the database of {service} is").into())
    })?;
    url.parse()
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Unconnected {
    /// The server starts, recovers, or stops.
    #[error("its database's server recovers, or stops: {0}")]
    Recovers(String),
    /// The server refuses the login.
    #[error("the login is refused: {0}")]
    Refuses(String),
    /// The server cannot be reached, or refuses for another reason.
    #[error("{0}")]
    Other(String),
}

pub(crate) async fn connect_in_time(
    options: &PgConnectOptions,
) -> Result<PgConnection, Unconnected> {
    let connected = timeout(PATIENCE, connect_briefly(options)).await;
    let cannot = |why: &str| {
        let (host, port) = (options.get_host(), options.get_port());
        Unconnected::Other(format!("Postgres at {host}:{port} cannot be reached: {why}"))
    };
    let silence = |_| cannot(&format!("no answer within {} s", PATIENCE.as_secs()));
    connected.map_err(silence)?.map_err(|error| match (cause_of_refusal(&error), &error) {
        (Some(Cause::Recovery), _) => Unconnected::Recovers(error.to_string()),
        (Some(_), _) => Unconnected::Refuses(error.to_string()),
        (None, sqlx::Error::Io(cause)) => cannot(&cause.to_string()),
        (None, _) => Unconnected::Other(error.to_string()),
    })
}
