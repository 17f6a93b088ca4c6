//! Database access: time limits, transactions and connection options.

use std::borrow::Cow;
use std::time::Duration;

use ballet_amqp::TlsFiles;
use ballet_core::hosts;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Acquire, AssertSqlSafe, ConnectOptions, Executor, PgConnection, Postgres, Transaction};

/// Time limit for an answer. The server ends each statement within 30 seconds, or the time that a
/// handler may take, and none of ours takes longer. A connection whose other end lost power is
/// never closed, and without a limit a caller would wait forever.
pub const ANSWERED: Duration = Duration::from_secs(40);

/// Time limit for an answer to a statement that may run for ten minutes.
pub const PATIENT: Duration = Duration::from_secs(11 * 60);

/// Options for a session that holds a lock while it is idle. The server ends the session of a lost
/// client, and the lock, after some seconds instead of two hours.
pub const KEEPALIVES: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "5"), ("tcp_keepalives_interval", "2"), ("tcp_keepalives_count", "3")];

/// Sets these for a session that is open. In the startup message a pooler refuses them, or is told to ignore
/// them, and then they are lost in silence.
///
/// # Errors
///
/// The server does not know one of them, or is lost.
pub async fn set<V: AsRef<str>>(
    db: &mut PgConnection,
    settings: &[(&str, V)],
) -> Result<(), sqlx::Error> {
    let set = |(name, value): &(&str, V)| format!("set {name} = '{}';", value.as_ref());
    let all: Vec<String> = settings.iter().map(set).collect();
    db.execute(sqlx::raw_sql(AssertSqlSafe(all.concat()))).await.map(drop)
}

/// Waits for the database. After a time limit the connection counts as lost.
pub async fn in_time<T, E: From<sqlx::Error>>(
    statements: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(ANSWERED, statements).await.unwrap_or_else(|_| Err(silent().into()))
}

/// Returns the error for a connection without an answer.
#[must_use]
pub fn silent() -> sqlx::Error {
    let silent = format!("the database did not answer within {ANSWERED:?}");
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, silent))
}

/// Returns true if a lock was not free (lock_not_available): in time, or at once for a statement with `nowait`.
#[must_use]
pub fn is_lock_timeout(error: &sqlx::Error) -> bool {
    sql_state(error).as_deref() == Some("55P03")
}

/// Returns the server's code of an error, if it is the server's.
#[must_use]
pub fn sql_state(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error()?.code()
}

/// Opens a transaction, on a connection of the pool or of the caller. No other function opens one.
#[expect(clippy::disallowed_methods, reason = "the only place that opens transactions")]
pub async fn begin<'c>(
    on: impl Acquire<'c, Database = Postgres>,
) -> Result<Transaction<'c, Postgres>, sqlx::Error> {
    in_time(on.begin()).await
}

/// Like [`in_time`], in a transaction from [`patient`].
pub async fn in_long_time<T, E: From<sqlx::Error>>(
    statements: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(PATIENT, statements).await.unwrap_or_else(|_| Err(silent().into()))
}

/// Opens a transaction for a statement that may read millions of rows, and on which nobody waits.
pub async fn patient(db: &mut PgConnection) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    let mut transaction = begin(db).await?;
    in_time(be_patient(&mut transaction)).await?;
    Ok(transaction)
}

/// Lets the statements of a transaction take as long as those of [`patient`].
pub async fn be_patient(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("set local statement_timeout = '10min'").execute(db).await.map(drop)
}

/// Opens a session for a command. One that is stopped (Ctrl-Z) or cut off keeps no lock for long.
///
/// # Errors
///
/// The server is unavailable, or refuses.
pub async fn connect_briefly(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut db = options.connect().await?;
    let limits = [("lock_timeout", "30s"), ("idle_in_transaction_session_timeout", "1min")];
    set(&mut db, &limits).await?;
    Ok(db)
}

/// Returns the options to connect to Postgres with these certificates.
///
/// # Errors
///
/// The URL is not a Postgres URL.
pub fn connect_options(url: &str, tls: &TlsFiles) -> Result<PgConnectOptions, sqlx::Error> {
    // sqlx takes any scheme.
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        let scheme = "it does not begin with postgres:// or postgresql://";
        return Err(sqlx::Error::Configuration(scheme.into()));
    }
    let mut options: PgConnectOptions = url.parse()?;
    // sqlx would look an address in brackets up as a name.
    let host = hosts::name(options.get_host()).to_owned();
    // PgBouncer refuses this setting; since Postgres 12 the server's own value loses no digit.
    options = options.host(&host).extra_float_digits(None);
    let TlsFiles { ca, certificate, key } = tls;
    if let Some(ca) = ca {
        // Naming a CA asks for verification of the server.
        options = options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(ca);
    }
    if let (Some(certificate), Some(key)) = (certificate, key) {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    Ok(options)
}
