//! The servers of a database: one, or several, and one of them takes writes.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ballet_amqp::TlsFiles;
use ballet_core::hosts::parts;
use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::database::connection::{connect_options, set};
use crate::database::primaries::{Primaries, Primary};

const ANSWER: Duration = Duration::from_secs(3);

/// The servers that a URL names, and the one that takes writes.
#[derive(Clone)]
pub struct Hosts {
    all: Vec<PgConnectOptions>,
    asked: Arc<Vec<Mutex<Option<PgConnection>>>>,
    current: Arc<AtomicUsize>,
    primaries: Arc<std::sync::Mutex<Primaries>>,
    settings: Arc<[(&'static str, String)]>,
}

impl Hosts {
    /// Parses a URL with one host or several, such as `postgres://user:password@one:5432,two:5432/db`.
    ///
    /// # Errors
    ///
    /// The URL is not a Postgres URL, or asks for a server that takes no writes.
    pub fn parse(url: &str, tls: &TlsFiles) -> Result<Self, sqlx::Error> {
        let all: Result<Vec<_>, _> =
            one_by_one(url)?.iter().map(|url| connect_options(url, tls)).collect();
        let all = all?;
        let asked = Arc::new(all.iter().map(|_| Mutex::default()).collect());
        let (current, primaries, settings) = (Arc::default(), Arc::default(), Arc::default());
        Ok(Self { all, asked, current, primaries, settings })
    }

    /// Changes the options for all servers.
    #[must_use]
    pub fn with(&self, change: impl Fn(PgConnectOptions) -> PgConnectOptions) -> Self {
        let all = self.all.iter().cloned().map(change).collect();
        Self { all, ..self.clone() }
    }

    /// Adds settings that each session has.
    #[must_use]
    pub fn setting(&self, more: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let settings = self.settings.iter().cloned().chain(more).collect();
        Self { settings, ..self.clone() }
    }

    /// The settings that each session has.
    pub fn settings(&self) -> Arc<[(&'static str, String)]> {
        Arc::clone(&self.settings)
    }

    /// Opens a session with the server that took writes last.
    ///
    /// # Errors
    ///
    /// The server is unavailable, or refuses.
    pub async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let mut db = self.options().connect().await?;
        set(&mut db, &self.settings).await?;
        Ok(db)
    }

    /// The options for the server that took writes last.
    pub fn options(&self) -> PgConnectOptions {
        self.all[self.current()].clone()
    }

    /// The place of the server that took writes last.
    pub fn current(&self) -> usize {
        self.current.load(Ordering::Relaxed)
    }

    pub fn are_several(&self) -> bool {
        self.all.len() > 1
    }

    /// Asks all servers which of them takes writes, and uses that one from now on. Returns true if it
    /// is another one than before.
    ///
    /// A primary that was cut off and replaced may take writes again. `Primaries` says which one
    /// counts, and a warning names one that is passed over.
    pub async fn look(&self) -> bool {
        let before = self.current();
        let asked = self.all.iter().zip(&*self.asked);
        let asked = asked
            .map(|(options, kept)| async move { timeout(ANSWER, primary(options, kept)).await });
        let answers = join_all(asked).await.into_iter().map(|it| it.ok()?.ok()?);
        let writable: Vec<(usize, Primary)> =
            answers.enumerate().filter_map(|(at, primary)| Some((at, primary?))).collect();
        let mut primaries = self.primaries.lock().unwrap_or_else(PoisonError::into_inner);
        let chosen = primaries.choose(&writable, before);
        drop(primaries);
        for (at, why) in chosen.passed_over {
            let options = &self.all[at];
            // Connections go to the last one until another one counts.
            let is_in_use = at == before && chosen.at.is_none();
            let used = if is_in_use { "used until another one counts" } else { "not used" };
            tracing::warn!(
                host = options.get_host(),
                port = options.get_port(),
                "a server of the database takes writes, does not count, and is {used}: {why}"
            );
        }
        chosen.at.is_some_and(|now| self.current.swap(now, Ordering::Relaxed) != now)
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.iter().map(PgConnectOptions::get_host)).finish()
    }
}

/// Asks a server about itself; `None` for one that takes no writes, such as a standby. The
/// connection is kept, or replaced if it no longer works.
async fn primary(
    options: &PgConnectOptions,
    kept: &Mutex<Option<PgConnection>>,
) -> Result<Option<Primary>, sqlx::Error> {
    let mut kept = kept.lock().await;
    if let Some(mut db) = kept.take()
        && let Ok(primary) = ask(&mut db).await
    {
        *kept = Some(db);
        return Ok(primary);
    }
    let mut db = options.connect().await?;
    let primary = ask(&mut db).await?;
    *kept = Some(db);
    Ok(primary)
}

async fn ask(db: &mut PgConnection) -> Result<Option<Primary>, sqlx::Error> {
    let asked = "select system_identifier, case when not pg_is_in_recovery() \
             and current_setting('transaction_read_only') = 'off' \
         then left(pg_walfile_name(pg_current_wal_lsn()), 8) end from pg_control_system()";
    let (cluster, digits): (i64, Option<String>) = sqlx::query_as(asked).fetch_one(db).await?;
    let timeline = digits.and_then(|digits| u32::from_str_radix(&digits, 16).ok());
    Ok(timeline.map(|timeline| Primary { cluster, timeline }))
}

fn one_by_one(url: &str) -> Result<Vec<String>, sqlx::Error> {
    let wrong = |why: &str| sqlx::Error::Configuration(why.into());
    let (before, hosts, path) = parts(url).unwrap_or_default();
    if hosts.len() < 2 {
        return Ok(vec![url.to_owned()]);
    }
    if hosts.iter().any(|host| host.is_empty()) {
        return Err(wrong("a host is empty: there is a comma too many"));
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut query: Vec<&str> = query.split('&').filter(|part| !part.is_empty()).collect();
    // libpq's parameter. A service always writes.
    if let Some(at) = query.iter().position(|part| part.starts_with("target_session_attrs=")) {
        let wanted = query.remove(at);
        if !["read-write", "primary"].iter().any(|good| wanted.ends_with(&format!("={good}"))) {
            return Err(wrong("target_session_attrs should be read-write: a service writes"));
        }
    }
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    Ok(hosts.iter().map(|host| format!("{before}{host}{path}{query}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_with_several_hosts_is_a_url_for_each() {
        let one = "postgres://u:p@h:5432/d?sslmode=prefer";
        assert_eq!(one_by_one(one).unwrap(), [one]);
        let several =
            "postgres://u:p,q@one:1,two:2/d?target_session_attrs=read-write&sslmode=prefer";
        assert_eq!(
            one_by_one(several).unwrap(),
            ["postgres://u:p,q@one:1/d?sslmode=prefer", "postgres://u:p,q@two:2/d?sslmode=prefer"]
        );
        assert_eq!(one_by_one("postgres://a,b").unwrap(), ["postgres://a", "postgres://b"]);
        for wrong in ["postgres://u@a,/d", "postgres://a,b/d?target_session_attrs=standby"] {
            one_by_one(wrong).unwrap_err();
        }
    }
}
