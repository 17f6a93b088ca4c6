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
    let select = "select environment, vhost, hosts from ballet.home";
    let known: Option<(Option<String>, String, Vec<String>)> =
        sqlx::query_as(select).fetch_optional(&mut *db).await?;
    let known = known.map(|(environment, vhost, hosts)| Home { environment, vhost, hosts });
    if known.as_ref().is_some_and(|known| !own.owns(known)) {
        return Ok(known);
    }
    if known.as_ref() != Some(own) {
        let note = "insert into ballet.home (environment, vhost, hosts) values ($1, $2, $3) \
                    on conflict (only_one) do update set environment = excluded.environment, \
                    vhost = excluded.vhost, hosts = excluded.hosts";
        let note = sqlx::query(note).bind(&own.environment).bind(&own.vhost).bind(&own.hosts);
        note.execute(db).await?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_counts_and_without_one_a_broker_that_is_known() {
        let home = |environment: &str, hosts: &[&str]| Home {
            environment: (!environment.is_empty()).then(|| environment.to_owned()),
            vhost: "shop".to_owned(),
            hosts: hosts.iter().map(ToString::to_string).collect(),
        };
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
