//! Waiting for the database, though not for ever, and how to reach it.

use std::time::Duration;

use ballet_amqp::TlsFiles;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Acquire, Postgres, Transaction};

use crate::declare::failure::Failure;

/// The server ends every statement of ours within 30 seconds: without an answer by then, there will
/// be none. Nothing closes a connection whose other end lost its power, so without a limit a caller
/// would wait on it for ever.
const ANSWERED: Duration = Duration::from_secs(40);

/// Waits for the database, but not for ever: then the connection counts as lost.
pub(crate) async fn answered<T, E: Into<Failure>>(
    statements: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    // Not by way of `in_time`: each future around another makes it larger.
    match tokio::time::timeout(ANSWERED, statements).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(silent().into()),
    }
}

/// As [`answered`], where the error is to stay what it is.
pub(crate) async fn in_time<T, E: From<sqlx::Error>>(
    statements: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(ANSWERED, statements).await.unwrap_or_else(|_| Err(silent().into()))
}

/// What a connection is lost with that nobody answers on.
fn silent() -> sqlx::Error {
    let silent = format!("the database has not answered for {ANSWERED:?}");
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, silent))
}

/// Opens a transaction, on a connection of the pool or on one that the caller keeps. Nothing else
/// does.
#[expect(clippy::disallowed_methods, reason = "this is the one place that opens transactions")]
pub(crate) async fn begin<'c>(
    on: impl Acquire<'c, Database = Postgres>,
) -> Result<Transaction<'c, Postgres>, sqlx::Error> {
    in_time(on.begin()).await
}

/// How to reach a Postgres with these certificates.
///
/// # Errors
///
/// If the URL is not one of Postgres.
pub fn connect_options(url: &str, tls: &TlsFiles) -> Result<PgConnectOptions, sqlx::Error> {
    let mut options: PgConnectOptions = url.parse()?;
    let TlsFiles { ca, certificate, key } = tls;
    if let Some(ca) = ca {
        // A CA is named to make sure who the other end is.
        options = options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(ca);
    }
    if let (Some(certificate), Some(key)) = (certificate, key) {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    Ok(options)
}
