//! Creates and drops the databases of one test, each with a role of its own.

use std::collections::BTreeMap;

use reqwest::Url;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::error::Result;
use crate::servers::postgres_access::{connect, sql};
use crate::servers::scram::verifier;
use crate::{random, url};

/// A service's database. The role that owns it has the same name.
#[derive(Debug, Clone)]
pub(crate) struct ServiceDatabase {
    pub(crate) url: Url,
    pub(crate) admin_url: Url,
}

/// Creates a database and a role for each service.
///
/// Names are identifiers, and a verifier has no quotes, so both are safe in a statement's text.
pub(crate) async fn create(
    admin: &Url,
    wanted: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, ServiceDatabase>> {
    let mut session = connect(admin).await?;
    let mut databases = BTreeMap::new();
    for (service, name) in wanted {
        let password = random::hex::<12>()?;
        let verifier = verifier(&password)?;
        let statements = [
            format!("create role {name} login password '{verifier}'"),
            // An administrator who is no superuser has to be a member of the new owner.
            format!("grant {name} to current_user"),
            format!("create database {name} owner {name} template template0"),
            format!("revoke all on database {name} from public"),
            format!("alter database {name} set jit = off"),
        ];
        for statement in statements {
            run(&mut session, admin, &format!("creating database {name}"), statement).await?;
        }
        let database = ServiceDatabase {
            url: url::for_user(admin, name, &password, name),
            admin_url: url::with_path(admin, name),
        };
        databases.insert(service.clone(), database);
    }
    close(session, admin).await?;
    Ok(databases)
}

/// Drops what [`create`] made, even if there are sessions. A missing database is no error.
pub(crate) async fn drop_all(admin: &Url, names: &[String]) -> Result<()> {
    let mut session = connect(admin).await?;
    for name in names {
        let statements = [
            format!("drop database if exists {name} with (force)"),
            format!("drop role if exists {name}"),
        ];
        for statement in statements {
            run(&mut session, admin, &format!("dropping database {name}"), statement).await?;
        }
    }
    close(session, admin).await
}

async fn run(session: &mut PgConnection, url: &Url, what: &str, statement: String) -> Result<()> {
    let done = sqlx::query(AssertSqlSafe(statement)).execute(session).await;
    done.map(drop).map_err(|error| sql(what, url, &error))
}

async fn close(session: PgConnection, url: &Url) -> Result<()> {
    session.close().await.map_err(|error| sql("closing a session", url, &error))
}
