//! Sessions with a Postgres as its administrator.

use std::io::ErrorKind;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

use crate::error::{Error, Result};
use crate::servers::version::{self, ServerVersion};
use crate::urls;

/// How often a session that the server closes at once is opened again.
const AGAIN: usize = 3;

pub(crate) async fn check(url: &Url) -> Result<ServerVersion> {
    let mut session = connect(url).await?;
    let number: String = sqlx::query_scalar("show server_version_num")
        .fetch_one(&mut session)
        .await
        .map_err(|error| sql("asking for the version", url, &error))?;
    session.close().await.map_err(|error| sql("closing a session", url, &error))?;
    Ok(version::parse_postgres_number(number.parse().unwrap_or_default()))
}

/// Among hundreds of simultaneous sessions the server has closed one at its beginning without an error or a log line.
/// Such a session is opened again.
pub(crate) async fn connect(url: &Url) -> Result<PgConnection> {
    let mut left = AGAIN;
    loop {
        match PgConnection::connect(url.as_str()).await {
            Err(sqlx::Error::Io(error)) if error.kind() == ErrorKind::UnexpectedEof && left > 0 => {
                left -= 1;
            }
            session => return session.map_err(|error| sql("connecting", url, &error)),
        }
    }
}

/// Does not prepare the statement, which is not repeated. `what` is for the error.
pub(crate) async fn run(
    session: &mut PgConnection,
    url: &Url,
    what: &str,
    statement: String,
) -> Result<()> {
    let done = sqlx::query(AssertSqlSafe(statement)).persistent(false).execute(session).await;
    done.map(drop).map_err(|error| sql(what, url, &error))
}

pub(crate) fn sql(what: &str, url: &Url, error: &sqlx::Error) -> Error {
    Error::Server {
        what: what.to_owned(),
        place: urls::masked(url),
        cause: error.to_string(),
        advice: "is the server up, and may that user do this? \
                 A test's administrator needs CREATEDB and CREATEROLE",
    }
}
