//! Whose a database is, so that a copy of it does not go on with the work of the original.

use std::fmt;

use sqlx::PgConnection;

/// The running system that a database belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The environment, if the services are told one.
    pub environment: Option<String>,
    /// The broker's virtual host.
    pub vhost: String,
    /// The broker's hosts, without ports.
    pub hosts: Vec<String>,
}

impl Home {
    /// Whether a database that belongs to `known` is this system's. A broker's hosts come and go one after the other.
    fn owns(&self, known: &Self) -> bool {
        match known.environment {
            Some(_) => self.environment == known.environment,
            None => {
                let is_known = |host| known.hosts.contains(host);
                self.vhost == known.vhost && self.hosts.iter().any(is_known)
            }
        }
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.environment {
            Some(environment) => write!(f, "the environment {environment}"),
            None => {
                let (vhost, hosts) = (&self.vhost, self.hosts.join(", "));
                write!(
                    f,
                    "the virtual host {vhost:?} of the broker {hosts}, without an environment"
                )
            }
        }
    }
}

/// Notes that the database is this system's. Returns the other system if it is another's.
///
/// # Errors
///
/// The error of the database.
pub async fn claim(db: &mut PgConnection, own: &Home) -> Result<Option<Home>, sqlx::Error> {
    // Of two that come at once, the second waits for the first, and then finds it.
    let first = "insert into ballet.home (environment, vhost, hosts) values ($1, $2, $3) \
                 on conflict (only_one) do nothing";
    let first = sqlx::query(first).bind(&own.environment).bind(&own.vhost).bind(&own.hosts);
    first.execute(&mut *db).await?;
    let select = "select environment, vhost, hosts from ballet.home";
    let (environment, vhost, hosts): (Option<String>, String, Vec<String>) =
        sqlx::query_as(select).fetch_one(&mut *db).await?;
    let known = Home { environment, vhost, hosts };
    if !own.owns(&known) {
        return Ok(Some(known));
    }
    if known != *own {
        let later = "update ballet.home set environment = $1, vhost = $2, hosts = $3";
        let later = sqlx::query(later).bind(&own.environment).bind(&own.vhost).bind(&own.hosts);
        later.execute(db).await?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ballet_stage::wait_until;
    use sqlx::{Connection, Executor};

    use super::*;
    use crate::schema::migrated_database::migrated;

    const LONG: Duration = Duration::from_secs(60);

    fn home(environment: &str, hosts: &[&str]) -> Home {
        Home {
            environment: (!environment.is_empty()).then(|| environment.to_owned()),
            vhost: "shop".to_owned(),
            hosts: hosts.iter().map(ToString::to_string).collect(),
        }
    }

    #[tokio::test]
    async fn of_two_systems_that_start_at_once_the_second_finds_the_first() {
        let (database, mut first) = migrated("two_homes").await;
        let mut second = PgConnection::connect(database.url()).await.expect("a session");
        let (production, staging) = (home("production", &["a"]), home("staging", &["b"]));
        first.execute("begin").await.expect("begun");
        assert_eq!(claim(&mut first, &production).await.expect("an answer"), None);
        let waits = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' \
                     and datname = current_database())";
        let (found, ()) = tokio::join!(claim(&mut second, &staging), async {
            let waits = wait_until("a second system that waits", LONG, || async {
                let mut third = PgConnection::connect(database.url()).await?;
                let waits: bool = sqlx::query_scalar(waits).fetch_one(&mut third).await?;
                Ok::<_, sqlx::Error>(waits.then_some(()))
            });
            waits.await.expect("it waits");
            first.execute("commit").await.expect("committed");
        });
        assert_eq!(found.expect("an answer"), Some(production));
    }

    #[test]
    fn an_environment_counts_and_without_one_a_broker_that_is_known() {
        let (unnamed, production) = (home("", &["a", "b"]), home("production", &["a"]));
        for same in [home("", &["b", "c"]), home("production", &["a"])] {
            assert!(same.owns(&unnamed), "{same}");
        }
        assert!(home("production", &["c"]).owns(&production));
        assert!(!Home { vhost: "other".to_owned(), ..unnamed.clone() }.owns(&unnamed));
        assert!(!home("staging", &["c"]).owns(&unnamed));
        for other in [home("", &["a"]), home("staging", &["a"])] {
            assert!(!other.owns(&production), "{other}");
        }
    }
}
