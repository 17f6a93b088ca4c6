//! The clients that watch things by server-sent events: each change of a thing, from the first one on.
//!
//! One query looks at all watched things of this process together, again and again, so a watcher
//! costs no database connection and no query of its own. It sees what other replicas commit.
//! Notifications by the database would be faster by some milliseconds, but commits with one wait for
//! each other, and a pooler does not pass them on.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use ballet::http::Problem;
use ballet::{Failure, Handle};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::caller::{Caller, Owners};

/// The pause between two looks at what is watched.
const PAUSE: Duration = Duration::from_millis(250);

/// What happened to a thing so far: its changes, each with a number, from 1 on.
pub trait History: Clone + fmt::Debug + Send + Sync + 'static {
    /// The thing's id.
    type Id: Copy + fmt::Debug + Eq + Hash + Send + Sync;
    /// Whose things these are.
    type Owners: Owners;
    /// What a client is told of a change.
    type Change: Send;
    /// The word for many of them: `orders`.
    const THINGS: &'static str;
    /// The setting for how many clients may watch. That for one owner has `_OF_ONE` behind it.
    const SETTING: &'static str;

    /// The thing.
    fn id(&self) -> Self::Id;

    /// The number of the last change.
    fn last(&self) -> u32;

    /// Whether nothing more can happen.
    fn has_ended(&self) -> bool;

    /// The changes behind the one with this number, with their numbers.
    fn after(&self, number: u32) -> impl Iterator<Item = (u32, Self::Change)>;
}

/// Reads those of these things to which something happened since.
pub type Changed<H> = fn(Handle, Vec<H>) -> BoxFuture<'static, Result<Vec<H>, Failure>>;

/// How many clients may watch at a time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of all.
    pub all: u16,
    /// Of one owner. Those who see what belongs to anybody have no limit of their own.
    pub owner: u16,
}

impl Limits {
    /// Enough for the pages that a person has open.
    pub const DEFAULT: Self = Self { all: 1_000, owner: 16 };
}

/// The clients that watch the things of a service.
#[derive(Debug)]
pub struct Watchers<H: History>(Arc<Shared<H>>);

impl<H: History> Clone for Watchers<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Shared<H: History> {
    handle: Handle,
    places: Arc<Semaphore>,
    limits: Limits,
    changed: Changed<H>,
    owners: Mutex<HashMap<String, u16>>,
    watched: Mutex<Watched<H>>,
}

#[derive(Debug)]
struct Watched<H: History> {
    /// What is known of each watched thing. A channel holds the latest only, so a slow client
    /// costs nothing; what it missed is in the history.
    things: HashMap<H::Id, watch::Sender<H>>,
    /// Looks at them, while there are any.
    look: Option<JoinHandle<()>>,
}

impl<H: History> Watchers<H> {
    /// Nobody watches yet.
    #[must_use]
    pub fn new(handle: Handle, limits: Limits, changed: Changed<H>) -> Self {
        let places = Arc::new(Semaphore::new(usize::from(limits.all)));
        let watched = Mutex::new(Watched { things: HashMap::new(), look: None });
        Self(Arc::new(Shared {
            handle,
            places,
            limits,
            changed,
            owners: Mutex::default(),
            watched,
        }))
    }

    /// The changes of a thing behind the one with this number, as they come. `None` if there will be no more. What is
    /// known of the thing, or why the caller may not know it, is asked for once there is a place to watch from.
    ///
    /// # Errors
    ///
    /// A problem if there are too many who watch, and that of `find`.
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
        let watcher = Watcher { latest, seen, handle: self.0.handle.clone(), _place: place };
        Ok(Some(unfold(watcher, Watcher::next).boxed()))
    }
}

impl<H: History> Shared<H> {
    /// A place for one more watcher. Whoever takes too many is told so, and leaves room for the others.
    fn place(self: &Arc<Self>, owner: Option<String>) -> Result<Place<H>, Problem> {
        let Limits { all, owner: most } = self.limits;
        let (things, setting) = (H::THINGS, H::SETTING);
        if let Some(owner) = &owner {
            let mut owners = self.owners();
            let count = owners.entry(owner.clone()).or_default();
            if *count >= most {
                let name = H::Owners::NAME;
                let detail = format!(
                    "you watch {things} {most} times here, the limit of one {name} \
                     ({setting}_OF_ONE): end one, or read now and then"
                );
                return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).try_again());
            }
            *count += 1;
        }
        // From here on it is given back.
        let shared = Arc::clone(self);
        let own = Own { shared, owner };
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            let detail = format!(
                "{all} clients watch {things} here, the limit ({setting}): try again, or read now \
                 and then"
            );
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
        };
        Ok(Place { _permit: permit, _own: own })
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<String, u16>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of this thing, from now on.
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

    /// Looks at what is watched until there are none, or the service stops.
    async fn look(self: Arc<Self>) {
        while let Some(seen) = self.still_watched() {
            match (self.changed)(self.handle.clone(), seen).await {
                Ok(changed) => self.tell(changed),
                // The watchers wait; the next look may succeed.
                Err(failure) => tracing::debug!("what is watched could not be read: {failure}"),
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.handle.stopping() => return,
            }
        }
    }

    /// What is known of the things that somebody still watches. `None` if there are none: then nobody
    /// looks any more.
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

    fn watched(&self) -> MutexGuard<'_, Watched<H>> {
        // Nothing panics while it is held half changed.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watcher's place, given back when it is dropped.
struct Place<H: History> {
    _permit: OwnedSemaphorePermit,
    _own: Own<H>,
}

/// Its share of what one owner may have.
struct Own<H: History> {
    shared: Arc<Shared<H>>,
    owner: Option<String>,
}

impl<H: History> Drop for Own<H> {
    fn drop(&mut self) {
        let Some(owner) = &self.owner else { return };
        let mut owners = self.shared.owners();
        if let Some(count) = owners.get_mut(owner) {
            *count -= 1;
            if *count == 0 {
                owners.remove(owner);
            }
        }
    }
}

/// One client.
struct Watcher<H: History> {
    latest: watch::Receiver<H>,
    /// The number of the last change that was sent.
    seen: u32,
    handle: Handle,
    _place: Place<H>,
}

impl<H: History> Watcher<H> {
    /// The next change. `None` after the last one, and when the service stops: the client then asks
    /// another replica for the rest.
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
