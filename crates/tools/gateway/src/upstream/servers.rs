//! The servers of an upstream, used in turn. A server that cannot be reached, or does not believe the gateway, is
//! skipped for a moment.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::Uri;
use hyper::http::uri::Authority;

const MOMENT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Servers {
    all: Vec<(Authority, Mutex<Option<Instant>>)>,
    turn: AtomicUsize,
}

impl Servers {
    pub(crate) fn new<'a>(servers: impl Iterator<Item = &'a Uri>) -> Self {
        let authorities = servers.filter_map(|server| server.authority().cloned());
        let all = authorities.map(|authority| (authority, Mutex::default())).collect();
        Self { all, turn: AtomicUsize::new(0) }
    }

    /// If all are unavailable, one is tried anyway.
    pub(crate) fn next(&self) -> Option<&Authority> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn =
            || (0..self.all.len()).map(|i| &self.all[turn.wrapping_add(i) % self.all.len()]);
        let is_there = |(_, away): &&(Authority, Mutex<Option<Instant>>)| {
            let away = away.lock().unwrap_or_else(PoisonError::into_inner);
            away.is_none_or(|until| until <= Instant::now())
        };
        in_turn().find(is_there).or_else(|| in_turn().next()).map(|(authority, _)| authority)
    }

    pub(crate) fn is_away(&self, server: &Authority) {
        for (authority, away) in &self.all {
            if authority == server {
                let until = Instant::now() + MOMENT;
                *away.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
            }
        }
    }
}
