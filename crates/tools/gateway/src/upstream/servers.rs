//! The servers of an upstream, and the addresses of their names, all used in turn. An address that cannot be reached, or
//! does not believe the gateway, is skipped for a moment.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::http::uri::Authority;
use tokio::net::lookup_host;
use tokio::time::timeout;

const MOMENT: Duration = Duration::from_secs(1);
/// The age at which the addresses of a name are looked up again. The name of a headless service follows its pods.
const FRESH: Duration = Duration::from_secs(5);
/// The usual port, which `Host` leaves out.
const PORT: u16 = 80;

/// A function that looks up the addresses of a name.
pub(crate) type Lookup = fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

/// One address of a server.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The server as the config names it, for the header `Host`.
    pub(crate) host: HeaderValue,
    /// Where the request is sent.
    pub(crate) at: Authority,
    address: SocketAddr,
}

#[derive(Debug)]
pub(crate) struct Servers {
    all: Vec<Server>,
    turn: AtomicUsize,
    /// Addresses that are skipped until then.
    away: Mutex<HashMap<SocketAddr, Instant>>,
    lookup: Lookup,
    /// The limit for a lookup.
    patience: Duration,
}

/// A server as the config names it.
#[derive(Debug)]
struct Server {
    name: String,
    port: u16,
    host: HeaderValue,
    seen: Mutex<Option<Seen>>,
    /// Held by the request that looks the name up.
    looking: tokio::sync::Mutex<()>,
}

/// The outcome of the last lookup.
#[derive(Debug, Clone)]
struct Seen {
    places: Arc<[Place]>,
    /// The reason why there are none.
    failure: Option<String>,
    /// Until when it counts; `None` for a number, which is no name.
    until: Option<Instant>,
}

impl Servers {
    pub(crate) fn new<'a>(servers: impl Iterator<Item = &'a Uri>, patience: Duration) -> Self {
        let all = servers.filter_map(Server::new).collect();
        Self { all, turn: AtomicUsize::new(0), away: Mutex::default(), lookup: system, patience }
    }

    /// Looks names up by this function.
    #[cfg(test)]
    pub(crate) fn with(self, lookup: Lookup) -> Self {
        Self { lookup, ..self }
    }

    /// Returns the number of addresses. A name that was not looked up yet counts as two.
    pub(crate) fn count(&self) -> usize {
        self.all.iter().map(|server| server.seen().map_or(2, |seen| seen.places.len())).sum()
    }

    /// Returns the next address. If all are unavailable, it is tried all the same.
    ///
    /// # Errors
    ///
    /// If no name has an address.
    pub(crate) async fn next(&self) -> Result<Place, String> {
        let mut failure = "no server".to_owned();
        let mut places = Vec::with_capacity(self.all.len());
        for server in &self.all {
            match server.places(self.lookup, self.patience).await {
                Ok(found) => places.push(found),
                Err(why) => failure = why,
            }
        }
        let all = || places.iter().flat_map(|places| places.iter());
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % all().count().max(1);
        let mut in_turn = all().skip(turn).chain(all().take(turn)).peekable();
        let first = in_turn.peek().copied();
        let away = self.lock();
        let now = Instant::now();
        let is_there = |place: &&Place| away.get(&place.address).is_none_or(|until| *until <= now);
        in_turn.find(is_there).or(first).cloned().ok_or(failure)
    }

    /// Skips an address for a moment.
    pub(crate) fn is_away(&self, place: &Place) {
        let (mut away, now) = (self.lock(), Instant::now());
        away.retain(|_, until| *until > now);
        away.insert(place.address, now + MOMENT);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Instant>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of a host out of a URL, as all functions that connect take it: an IPv6 address stands in brackets there.
pub(crate) fn without_brackets(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

impl Server {
    fn new(server: &Uri) -> Option<Self> {
        let (host, port) = (server.host()?, server.port_u16().unwrap_or(PORT));
        let named = if port == PORT { host.to_owned() } else { format!("{host}:{port}") };
        let name = without_brackets(host).to_owned();
        let numeric = name.parse::<IpAddr>().ok();
        let host = HeaderValue::try_from(named).ok()?;
        let server = Self {
            name,
            port,
            host,
            seen: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        };
        if let Some(address) = numeric {
            let places = server.places_at(vec![SocketAddr::new(address, port)]);
            server.set(Seen { places, failure: None, until: None });
        }
        Some(server)
    }

    /// Returns the places of the name. If they are old, one request looks it up again, and those beside it use the old
    /// ones.
    async fn places(&self, lookup: Lookup, patience: Duration) -> Result<Arc<[Place]>, String> {
        let seen = self.seen();
        let old = match seen {
            Some(seen) if seen.counts() => return seen.outcome(),
            Some(seen) if !seen.places.is_empty() => Some(seen.places),
            _ => None,
        };
        let _looking = match (self.looking.try_lock(), &old) {
            (Ok(looking), _) => looking,
            (Err(_), Some(old)) => return Ok(Arc::clone(old)),
            (Err(_), None) => self.looking.lock().await,
        };
        // Another one may have looked meanwhile.
        if let Some(seen) = self.seen().filter(Seen::counts) {
            return seen.outcome();
        }
        let found = match timeout(patience, lookup(self.name.clone(), self.port)).await {
            Ok(Ok(found)) if found.is_empty() => Err("it has no address".to_owned()),
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {patience:?}")),
        };
        let now = Instant::now();
        let seen = match (found, old) {
            (Ok(found), _) => {
                Seen { places: self.places_at(found), failure: None, until: Some(now + FRESH) }
            }
            (Err(why), Some(places)) => {
                tracing::warn!(
                    server = self.name,
                    "the name cannot be looked up, and its last addresses are used: {why}"
                );
                Seen { places, failure: None, until: Some(now + FRESH) }
            }
            (Err(why), None) => {
                let failure = Some(format!("the name {} cannot be looked up: {why}", self.name));
                Seen { places: Arc::default(), failure, until: Some(now + MOMENT) }
            }
        };
        self.set(seen.clone());
        seen.outcome()
    }

    fn places_at(&self, addresses: Vec<SocketAddr>) -> Arc<[Place]> {
        let place = |address: SocketAddr| {
            // An address with a zone, which is in no URL, is left out.
            let at = Authority::try_from(address.to_string()).ok()?;
            Some(Place { host: self.host.clone(), at, address })
        };
        addresses.into_iter().filter_map(place).collect()
    }

    fn seen(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, seen: Seen) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }
}

impl Seen {
    fn counts(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }

    fn outcome(self) -> Result<Arc<[Place]>, String> {
        self.failure.map_or(Ok(self.places), Err)
    }
}

fn system(name: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    Box::pin(async move { Ok(lookup_host((name, port)).await?.collect()) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Returns the addresses that a server gives in four turns, and its `Host`.
    async fn used(servers: &Servers) -> (BTreeSet<String>, String) {
        let mut used = BTreeSet::new();
        let mut host = String::new();
        for _ in 0..4 {
            let place = servers.next().await.unwrap();
            used.insert(place.at.to_string());
            host = place.host.to_str().unwrap().to_owned();
        }
        (used, host)
    }

    fn servers(url: &str) -> Servers {
        Servers::new([&url.parse::<Uri>().unwrap()].into_iter(), MOMENT)
    }

    fn two(name: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let address = move |last: u8| SocketAddr::from(([127, 0, 0, last], port));
        Box::pin(async move {
            assert_eq!(name, "things");
            Ok(vec![address(2), address(3)])
        })
    }

    fn nobody(_: String, _: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        Box::pin(async { Err(io::Error::other("no such host")) })
    }

    #[tokio::test]
    async fn names_and_numbers_are_understood_and_all_addresses_of_a_name_are_used() {
        for (url, addresses, host) in [
            ("http://things:8080", &["127.0.0.2:8080", "127.0.0.3:8080"][..], "things:8080"),
            ("http://things:80", &["127.0.0.2:80", "127.0.0.3:80"], "things"),
            ("http://10.0.0.1:8080", &["10.0.0.1:8080"], "10.0.0.1:8080"),
            ("http://[fd00::1]:8080", &["[fd00::1]:8080"], "[fd00::1]:8080"),
        ] {
            let (used, named) = used(&servers(url).with(two)).await;
            assert_eq!(used.iter().map(String::as_str).collect::<Vec<_>>(), addresses, "{url}");
            assert_eq!(named, host, "{url}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_away_is_skipped_and_the_last_addresses_stay_without_an_answer() {
        let servers = servers("http://things:8080").with(two);
        let first = servers.next().await.unwrap();
        servers.is_away(&first);
        let (others, _) = used(&servers).await;
        assert!(!others.contains(first.at.as_str()), "{others:?}");
        let silent = servers.with(nobody);
        let mut seen = silent.all[0].seen().unwrap();
        // It is old.
        seen.until = Some(Instant::now());
        silent.all[0].set(seen);
        assert!(used(&silent).await.0.is_superset(&others));
    }

    #[tokio::test]
    async fn a_name_without_an_address_is_told() {
        let why = servers("http://things:8080").with(nobody).next().await.unwrap_err();
        assert_eq!(why, "the name things cannot be looked up: no such host");
    }
}
