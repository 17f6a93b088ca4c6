//! Parses `AMQP_URL`: one or several hosts, tried in turn.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballet_core::hosts;
use lapin::uri::{AMQPUri, SASLMechanism};

use crate::session::error::BrokerError;
use crate::session::peer::Peer;

/// The heartbeat in seconds. A frozen broker is detected after two heartbeats.
const HEARTBEAT: u16 = 10;
/// The longest frame, in bytes: the default of RabbitMQ. A broker may allow more, or set no limit.
const FRAME_MAX: u32 = 131_072;
/// The time limit for a connection, in milliseconds.
const CONNECT_TIMEOUT: u64 = 5_000;

/// The hosts of one broker cluster, with user and vhost. `Debug` shows no password.
pub struct Addresses {
    uris: Vec<AMQPUri>,
    next: AtomicUsize,
}

impl Addresses {
    /// Parses `amqp://user:password@host1:5672,host2:5672/vhost`, or whole URLs separated by
    /// commas. Commas in a user name or password are written `%2C`.
    ///
    /// # Errors
    ///
    /// [`BrokerError::BadUrl`] if the URL is invalid. The error never contains the password.
    pub fn parse(url: &str) -> Result<Self, BrokerError> {
        let uris = split(url.trim())?.iter().map(|url| read(url)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { uris, next: AtomicUsize::new(0) })
    }

    /// Returns the hosts, without their ports.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.uris.iter().map(|uri| uri.authority.host.as_str())
    }

    /// Returns the virtual host.
    #[must_use]
    pub fn vhost(&self) -> &str {
        self.uris.first().map(|uri| &*uri.vhost).unwrap_or_default()
    }

    pub(crate) fn all(&self) -> &[AMQPUri] {
        &self.uris
    }

    pub(crate) fn next(&self) -> &AMQPUri {
        &self.uris[self.next.fetch_add(1, Ordering::Relaxed) % self.uris.len()]
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.uris.iter().map(|uri| peer(uri).to_string())).finish()
    }
}

pub(crate) fn peer(uri: &AMQPUri) -> Peer {
    let user = match uri.query.auth_mechanism {
        Some(SASLMechanism::External) => "of our certificate".to_owned(),
        _ => uri.authority.userinfo.username.clone(),
    };
    Peer {
        address: hosts::with_port(&uri.authority.host, uri.authority.port),
        vhost: uri.vhost.clone(),
        user,
    }
}

fn split(url: &str) -> Result<Vec<String>, BrokerError> {
    let Some((_, rest)) = url.split_once("://") else {
        return Err(BrokerError::BadUrl("it does not start with amqp:// or amqps://".to_owned()));
    };
    if rest.contains(",amqp://") || rest.contains(",amqps://") {
        let marked = url.replace(",amqp", "\namqp");
        return Ok(marked.lines().map(str::to_owned).collect());
    }
    let (before, hosts, after) = hosts::parts(url).unwrap_or_default();
    Ok(hosts.into_iter().map(|host| format!("{before}{host}{after}")).collect())
}

fn read(url: &str) -> Result<AMQPUri, BrokerError> {
    let (_, hosts, _) = hosts::parts(url).unwrap_or_default();
    let host = hosts.first().map(|host| hosts::name(host)).unwrap_or_default();
    if host.is_empty() {
        return Err(BrokerError::BadUrl("a host is missing".to_owned()));
    }
    // The parser's message may repeat the URL, including the password.
    let mut uri: AMQPUri = url.parse().map_err(|error: String| {
        BrokerError::BadUrl(error.split(": '").next().unwrap_or_default().to_owned())
    })?;
    if host.contains(':') {
        // lapin knows no IPv6 addresses, and would use localhost instead.
        host.clone_into(&mut uri.authority.host);
    }
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    uri.query.frame_max.get_or_insert(FRAME_MAX);
    uri.query.connection_timeout.get_or_insert(CONNECT_TIMEOUT);
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: &str) -> Vec<String> {
        let addresses = Addresses::parse(url).unwrap();
        addresses.uris.iter().map(|uri| peer(uri).address).collect()
    }

    #[test]
    fn reads_several_hosts() {
        assert_eq!(hosts("amqp://u:p@a,b:5673/shop"), ["a:5672", "b:5673"]);
        assert_eq!(hosts("amqp://u:p@a/shop,amqp://u:p@b:1/shop"), ["a:5672", "b:1"]);
        assert_eq!(hosts("amqp://127.0.0.1:18672"), ["127.0.0.1:18672"]);
    }

    #[test]
    fn takes_turns() {
        let addresses = Addresses::parse("amqp://u:p@a,b/shop").unwrap();
        let turns: Vec<_> = (0..3).map(|_| addresses.next().authority.host.clone()).collect();
        assert_eq!(turns, ["a", "b", "a"]);
    }

    #[test]
    fn keeps_what_the_url_says() {
        let addresses = Addresses::parse("amqp://u:p@a/shop?heartbeat=3").unwrap();
        assert_eq!(addresses.next().query.heartbeat, Some(3));
        assert_eq!(addresses.next().query.frame_max, Some(FRAME_MAX));
        let addresses = Addresses::parse("amqp://u:p@a/shop?frame_max=8192").unwrap();
        assert_eq!(addresses.next().query.frame_max, Some(8192));
        assert_eq!(addresses.next().query.connection_timeout, Some(5_000));
        assert_eq!(addresses.next().vhost, "shop");
    }

    #[test]
    fn never_shows_the_password() {
        let shown = format!("{:?}", Addresses::parse("amqp://u:s3cret@a,b/shop").unwrap());
        assert!(!shown.contains("s3cret") && shown.contains("a:5672"), "{shown}");
        for bad in
            ["amqp://u:s3cret@", "u:s3cret@a", "amqp://u:s3cret@a:port/x", "amqp://u:s3cret@[::1/x"]
        {
            let error = Addresses::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
