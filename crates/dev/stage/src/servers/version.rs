//! Versions of servers: reads them, and checks that they are new enough.

use std::fmt;

use crate::error::{Error, Result};

/// A server's version. The third number of Postgres is always 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

pub(crate) const RABBITMQ_NEEDED: ServerVersion = ServerVersion { major: 3, minor: 10, patch: 0 };
pub(crate) const POSTGRES_NEEDED: ServerVersion = ServerVersion { major: 14, minor: 0, patch: 0 };

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 { write!(f, ".{}", self.patch) } else { Ok(()) }
    }
}

/// Reads `3.10.8`, `4.2.0-rc.1` or `17devel` by the leading numbers.
pub(crate) fn parse(text: &str) -> Option<ServerVersion> {
    let mut numbers = text.split_whitespace().next()?.split('.').map_while(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    let major = numbers.next()?;
    Some(ServerVersion {
        major,
        minor: numbers.next().unwrap_or(0),
        patch: numbers.next().unwrap_or(0),
    })
}

/// A distribution may add to the output of `postgres --version`.
pub(crate) fn parse_postgres_banner(text: &str) -> Option<ServerVersion> {
    parse(text.split(") ").nth(1)?)
}

/// `server_version_num`, such as 150018.
pub(crate) fn parse_postgres_number(number: u32) -> ServerVersion {
    ServerVersion { major: number / 10_000, minor: number % 10_000, patch: 0 }
}

pub(crate) fn check_rabbitmq(found: ServerVersion, place: &str) -> Result<()> {
    check("RabbitMQ", found, RABBITMQ_NEEDED, place, "name a newer one in AMQP_URL or upgrade it")
}

pub(crate) fn check_postgres(found: ServerVersion, place: &str) -> Result<()> {
    let advice = "name a newer one in DATABASE_URL or upgrade it";
    check("Postgres", found, POSTGRES_NEEDED, place, advice)
}

fn check(
    server: &'static str,
    found: ServerVersion,
    need: ServerVersion,
    place: &str,
    advice: &'static str,
) -> Result<()> {
    if found >= need {
        return Ok(());
    }
    Err(Error::TooOld {
        server,
        found: found.to_string(),
        need: need.to_string(),
        place: place.to_owned(),
        advice,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: u32, minor: u32, patch: u32) -> ServerVersion {
        ServerVersion { major, minor, patch }
    }

    #[test]
    fn reads_what_servers_say() {
        assert_eq!(parse("3.10.8"), Some(version(3, 10, 8)));
        assert_eq!(parse("4.2.0-rc.1"), Some(version(4, 2, 0)));
        assert_eq!(parse("17devel"), Some(version(17, 0, 0)));
        assert_eq!(parse("unknown"), None);
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)";
        assert_eq!(parse_postgres_banner(debian), Some(version(15, 18, 0)));
        assert_eq!(parse_postgres_number(150_018), version(15, 18, 0));
    }

    #[test]
    fn refuses_what_is_too_old_with_a_clear_sentence() {
        assert!(check_rabbitmq(version(3, 10, 0), "here").is_ok());
        assert!(check_rabbitmq(version(4, 0, 0), "here").is_ok());
        assert_eq!(
            check_rabbitmq(version(3, 9, 27), "127.0.0.1:5672").unwrap_err().to_string(),
            "RabbitMQ 3.9.27 at 127.0.0.1:5672 is too old: ballet needs 3.10 or newer; \
             name a newer one in AMQP_URL or upgrade it"
        );
        assert!(check_postgres(version(13, 22, 0), "here").is_err());
        assert!(check_postgres(version(14, 0, 0), "here").is_ok());
    }
}
