//! Creates and drops the databases of one test, each with a role of its own.

use std::collections::BTreeMap;

use url::Url;

use crate::env::template;
use crate::error::Result;
use crate::servers::postgres_access::{connect, run};
use crate::servers::scram::verifier;
use crate::{random, urls};

/// The database's owner has the same name.
#[derive(Debug, Clone)]
pub(crate) struct EnvDatabase {
    pub(crate) url: Url,
    pub(crate) admin_url: Url,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseContent {
    Nothing,
    Prepared,
}

/// Takes half of the processor time of writing all pages to the log. Older servers have no other strategy, and no
/// keyword.
const BY_FILES: &str = " strategy file_copy";
const HAS_STRATEGIES: u32 = 150_000;

/// Names are identifiers, and a verifier has no quotes, so both are safe in SQL.
pub(crate) async fn create(
    admin: &Url,
    wanted: &BTreeMap<String, String>,
    content: DatabaseContent,
) -> Result<BTreeMap<String, EnvDatabase>> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let session = &mut connect(admin).await?;
    let has_strategies = session.server_version_num() >= Some(HAS_STRATEGIES);
    let strategy = if has_strategies { BY_FILES } else { "" };
    let template = match content {
        DatabaseContent::Nothing => "template0".to_owned(),
        DatabaseContent::Prepared => template::template(session, admin).await?,
    };
    let mut databases = BTreeMap::new();
    for (service, name) in wanted {
        let password = random::hex::<12>()?;
        let verifier = verifier(&password)?;
        let mut statements = vec![
            format!("create role {name} login password '{verifier}'"),
            // An administrator without superuser rights has to be a member of the new owner.
            format!("grant {name} to current_user"),
            format!("create database {name} owner {name} template {template}{strategy}"),
            format!("revoke all on database {name} from public"),
            format!("alter database {name} set jit = off"),
        ];
        if content == DatabaseContent::Prepared {
            statements.push(template::hand_over(name, &template));
        }
        for statement in statements {
            run(session, admin, &format!("creating database {name}"), statement).await?;
        }
        let database = EnvDatabase {
            url: urls::for_user(admin, name, &password, name),
            admin_url: urls::with_path(admin, name),
        };
        databases.insert(service.clone(), database);
    }
    Ok(databases)
}

/// Works with open sessions. A missing database is no error.
pub(crate) async fn drop_all(admin: &Url, names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let session = &mut connect(admin).await?;
    for name in names {
        let statements = [
            format!("drop database if exists {name} with (force)"),
            format!("drop role if exists {name}"),
        ];
        for statement in statements {
            run(session, admin, &format!("dropping database {name}"), statement).await?;
        }
    }
    Ok(())
}
