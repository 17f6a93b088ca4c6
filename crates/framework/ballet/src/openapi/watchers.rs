//! Clients that watch things by server-sent events: each change of a thing, from the first one on.
//!
//! One query polls all watched things of this process together, so a watcher costs no database
//! connection and no query. It sees the commits of other replicas. Notifications would be some
//! milliseconds faster, but commits with one wait for each other, and a pooler does not pass them
//! on.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use ballet_http::limits::{CountGuard, LiveCounts};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::declare::handler::failure::Failure;
use crate::http::problem::Problem;
use crate::http::unit::Handle;
use crate::openapi::caller::{Caller, Owners};

const PAUSE: Duration = Duration::from_millis(250);

/// The history of a thing so far: its changes, numbered from 1.
pub trait History: Clone + fmt::Debug + Send + Sync + 'static {
    /// The thing's id.
    type Id: Copy + fmt::Debug + Eq + Hash + Send + Sync;
    /// The kind of owner of these things.
    type Owners: Owners;
    /// A change in the form that a client gets.
    type Change: Send;
    /// The plural of the thing's name: `orders`.
    const THINGS: &'static str;
    /// The setting that limits the watching clients. The setting for one owner ends with `_OF_ONE`.
    const SETTING: &'static str;

    /// Returns the thing's id.
    fn id(&self) -> Self::Id;

    /// Returns the number of the last change.
    fn last(&self) -> u32;

    /// Whether no further change can come.
    fn has_ended(&self) -> bool;

    /// Returns the changes after the given number, with their numbers.
    fn after(&self, number: u32) -> impl Iterator<Item = (u32, Self::Change)>;
}

/// Reads the given things that have changed since.
pub type ReadChanges<H> = fn(Handle, Vec<H>) -> BoxFuture<'static, Result<Vec<H>, Failure>>;

/// The limits on the number of clients that watch at a time.
#[derive(Debug, Clone, Copy)]
pub struct WatchLimits {
    /// The limit for all clients.
    pub all: u16,
    /// The limit for one owner. Callers who see the things of all owners have only the common limit.
    pub owner: u16,
}

impl WatchLimits {
    /// Limits that are enough for the pages that a person has open.
    pub const DEFAULT: Self = Self { all: 1_000, owner: 16 };
}

/// The clients that watch the things of a service.
#[derive(Debug)]
pub struct Watchers<H: History>(Arc<WatchState<H>>);

impl<H: History> Clone for Watchers<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct WatchState<H: History> {
    handle: Handle,
    places: Arc<Semaphore>,
    limits: WatchLimits,
    changed: ReadChanges<H>,
    owners: LiveCounts<String>,
    watched: Mutex<WatchedThings<H>>,
}

#[derive(Debug)]
struct WatchedThings<H: History> {
    /// The history of each watched thing. A channel holds only the latest, so a slow client costs
    /// nothing, and finds missed changes in the history.
    things: HashMap<H::Id, watch::Sender<H>>,
    /// The task that polls the watched histories while there are any.
    look: Option<JoinHandle<()>>,
}

impl<H: History> Watchers<H> {
    /// Creates watchers without a client.
    #[must_use]
    pub fn new(handle: Handle, limits: WatchLimits, changed: ReadChanges<H>) -> Self {
        let places = Arc::new(Semaphore::new(usize::from(limits.all)));
        let watched = Mutex::new(WatchedThings { things: HashMap::new(), look: None });
        Self(Arc::new(WatchState {
            handle,
            places,
            limits,
            changed,
            owners: LiveCounts::default(),
            watched,
        }))
    }

    /// Returns the changes of a thing after the given number, as they come. `None` if there will be no more. `find`
    /// reads the thing, or refuses the caller, once there is a place for the watcher.
    ///
    /// # Errors
    ///
    /// If too many clients watch, or if `find` fails.
    pub async fn watch(
        &self,
        caller: &Caller<H::Owners>,
        seen: u32,
        find: impl Future<Output = Result<H, Problem>>,
    ) -> Result<Option<BoxStream<'static, (u32, H::Change)>>, Problem> {
        let place = self.0.place(caller.only().map(|owner| owner.to_string()))?;
        let history = find.await?;
        if history.has_ended() && history.after(seen).next().is_none() {
            return Ok(None);
        }
        let latest = self.0.join(history);
        let watcher = WatchingClient { latest, seen, handle: self.0.handle.clone(), _place: place };
        Ok(Some(unfold(watcher, WatchingClient::next).boxed()))
    }
}

impl<H: History> WatchState<H> {
    /// Takes a place for one more watcher, unless its client has too many.
    fn place(&self, owner: Option<String>) -> Result<WatcherPlace, Problem> {
        let WatchLimits { all, owner: most } = self.limits;
        let (things, setting) = (H::THINGS, H::SETTING);
        let of_owner = owner.map(|owner| {
            self.owners.count(owner, usize::from(most)).ok_or_else(|| {
                let name = H::Owners::NAME;
                let detail = format!(
                    "you watch {things} {most} times here, the limit of one {name} \
                     ({setting}_OF_ONE): end one, or read now and then"
                );
                Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).try_again()
            })
        });
        let of_owner = of_owner.transpose()?;
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            let detail = format!(
                "{all} clients watch {things} here, the limit ({setting}): try again, or read now \
                 and then"
            );
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
        };
        Ok(WatcherPlace { _permit: permit, _of_owner: of_owner })
    }

    fn join(self: &Arc<Self>, history: H) -> watch::Receiver<H> {
        if history.has_ended() {
            return watch::channel(history).1;
        }
        let mut watched = self.watched();
        let latest = match watched.things.get(&history.id()) {
            Some(known) => {
                known.send_if_modified(|known| {
                    let later = history.last() > known.last();
                    if later {
                        *known = history;
                    }
                    later
                });
                known.subscribe()
            }
            None => {
                let (known, latest) = watch::channel(history.clone());
                watched.things.insert(history.id(), known);
                latest
            }
        };
        if watched.look.as_ref().is_none_or(JoinHandle::is_finished) {
            watched.look = Some(tokio::spawn(Arc::clone(self).look()));
        }
        latest
    }

    async fn look(self: Arc<Self>) {
        while let Some(seen) = self.still_watched() {
            match (self.changed)(self.handle.clone(), seen).await {
                Ok(changed) => self.tell(changed),
                // The watchers wait; the next poll may succeed.
                Err(failure) => tracing::debug!("what is watched could not be read: {failure}"),
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.handle.stopping() => return,
            }
        }
    }

    /// Returns the histories of the things that are still watched. `None` if there are none, which ends the polls.
    fn still_watched(&self) -> Option<Vec<H>> {
        let mut watched = self.watched();
        watched.things.retain(|_, known| known.receiver_count() > 0);
        if watched.things.is_empty() {
            watched.look = None;
            return None;
        }
        Some(watched.things.values().map(|known| known.borrow().clone()).collect())
    }

    fn tell(&self, changed: Vec<H>) {
        let mut watched = self.watched();
        for history in changed {
            let (id, ended) = (history.id(), history.has_ended());
            if let Some(known) = watched.things.get(&id) {
                known.send_replace(history);
            }
            if ended {
                watched.things.remove(&id);
            }
        }
    }

    fn watched(&self) -> MutexGuard<'_, WatchedThings<H>> {
        // Nothing panics while the lock is held and the value half changed.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watcher's place, and its share of those of one owner. They are given back on drop.
struct WatcherPlace {
    _permit: OwnedSemaphorePermit,
    _of_owner: Option<CountGuard<String>>,
}

struct WatchingClient<H: History> {
    latest: watch::Receiver<H>,
    /// The number of the last change that was sent.
    seen: u32,
    handle: Handle,
    _place: WatcherPlace,
}

impl<H: History> WatchingClient<H> {
    /// Returns the next change. `None` after the last one, and when the service stops, so that the
    /// client asks another replica for the rest.
    async fn next(mut self) -> Option<((u32, H::Change), Self)> {
        loop {
            let (next, ended) = {
                let history = self.latest.borrow_and_update();
                (history.after(self.seen).next(), history.has_ended())
            };
            if let Some((number, change)) = next {
                self.seen = number;
                return Some(((number, change), self));
            }
            if ended {
                return None;
            }
            tokio::select! {
                changed = self.latest.changed() => changed.ok()?,
                () = self.handle.stopping() => return None,
            }
        }
    }
}
