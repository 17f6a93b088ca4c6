//! The servers of an upstream, used in turn. One that cannot be reached, or does not believe the gateway, is skipped for
//! a moment.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::Uri;
use hyper::http::uri::Authority;

const MOMENT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Servers {
    all: Vec<Server>,
    turn: AtomicUsize,
}

/// A server as the config names it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) at: Authority,
    /// When it is used again.
    away: Mutex<Option<Instant>>,
}

impl Servers {
    pub(crate) fn new<'a>(servers: impl Iterator<Item = &'a Uri>) -> Self {
        let all = servers.filter_map(Uri::authority).cloned();
        let all = all.map(|at| Server { at, away: Mutex::default() }).collect();
        Self { all, turn: AtomicUsize::new(0) }
    }

    /// Returns the next server. If all are unavailable, it is tried all the same.
    pub(crate) fn next(&self) -> Option<&Server> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.all.len().max(1);
        let in_turn = || self.all[turn..].iter().chain(&self.all[..turn]);
        in_turn().find(|server| !server.is_away()).or_else(|| in_turn().next())
    }
}

impl Server {
    fn is_away(&self) -> bool {
        let away = *self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.is_some_and(|until| Instant::now() < until)
    }

    /// Skips it for a moment.
    pub(crate) fn skip(&self) {
        let until = Instant::now() + MOMENT;
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

/// The name of a host out of a URL, as all functions that connect take it: an IPv6 address stands in brackets there.
pub(crate) fn without_brackets(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}
