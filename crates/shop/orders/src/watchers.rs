//! The clients that watch orders.
//!
//! One query looks at all watched orders of this process together, again and again, so a watcher
//! costs no database connection and no query of its own. It sees what other replicas commit.
//! Notifications by the database would be faster by some milliseconds, but commits with one wait for
//! each other, and a pooler does not pass them on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use ballet::Handle;
use ballet::http::Problem;
use futures_util::stream::{Stream, unfold};
use shop_access::Caller;
use shop_events::{CustomerId, OrderId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::history::{History, StatusChange};
use crate::order::Status;
use crate::refusals::unknown;
use crate::store;

/// The pause between two looks at the watched orders.
const PAUSE: Duration = Duration::from_millis(250);

/// How many clients may watch at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) all: u16,
    /// Of one customer. Those behind the shop have no limit of their own.
    pub(crate) customer: u16,
}

/// The clients that watch orders.
#[derive(Debug, Clone)]
pub(crate) struct Watchers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    handle: Handle,
    places: Arc<Semaphore>,
    limits: Limits,
    customers: Mutex<HashMap<CustomerId, u16>>,
    watched: Mutex<Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    /// What is known of each watched order. A channel holds the latest only, so a slow client
    /// costs nothing; what it missed is in the history.
    orders: HashMap<OrderId, watch::Sender<History>>,
    /// Looks at them, while there are any.
    look: Option<JoinHandle<()>>,
}

impl Watchers {
    pub(crate) fn new(handle: Handle, limits: Limits) -> Self {
        let places = Arc::new(Semaphore::new(usize::from(limits.all)));
        let (customers, watched) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Shared { handle, places, limits, customers, watched }))
    }

    /// The changes of an order's status behind the one with this number, as they come. `None` if
    /// there will be no more. A problem if the caller has no such order.
    pub(crate) async fn watch(
        &self,
        order_id: OrderId,
        caller: &Caller,
        seen: u8,
    ) -> Result<Option<impl Stream<Item = (u8, StatusChange)> + use<>>, Problem> {
        let place = self.0.place(caller.only())?;
        let history = store::history(self.0.handle.db(), order_id)
            .await?
            .filter(|history| caller.is_allowed(history.customer_id))
            .ok_or_else(|| unknown(order_id, self.0.handle.now()))?;
        if history.has_ended() && history.after(seen).next().is_none() {
            return Ok(None);
        }
        let latest = self.0.join(history);
        let watcher = Watcher { latest, seen, handle: self.0.handle.clone(), _place: place };
        Ok(Some(unfold(watcher, Watcher::next)))
    }
}

impl Shared {
    /// A place for one more watcher. Whoever takes too many is told so, and leaves room for the others.
    fn place(self: &Arc<Self>, customer: Option<CustomerId>) -> Result<Place, Problem> {
        let Limits { all, customer: most } = self.limits;
        if let Some(customer) = customer {
            let mut customers = self.customers();
            let count = customers.entry(customer).or_default();
            if *count >= most {
                let detail = format!(
                    "you watch orders {most} times here, the limit of one customer \
                     (ORDER_WATCHERS_OF_ONE): end one, or read the order now and then"
                );
                return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail));
            }
            *count += 1;
        }
        // From here on it is given back.
        let shared = Arc::clone(self);
        let own = Own { shared, customer };
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            let detail = format!(
                "{all} clients watch orders here, the limit (ORDER_WATCHERS): try again, or read \
                 the order now and then"
            );
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
        };
        Ok(Place { _permit: permit, _own: own })
    }

    fn customers(&self) -> MutexGuard<'_, HashMap<CustomerId, u16>> {
        self.customers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of this order, from now on.
    fn join(self: &Arc<Self>, history: History) -> watch::Receiver<History> {
        if history.has_ended() {
            return watch::channel(history).1;
        }
        let mut watched = self.watched();
        let latest = match watched.orders.get(&history.order_id) {
            Some(known) => {
                known.send_if_modified(|known| {
                    let later = history.is_later_than(known);
                    if later {
                        *known = history;
                    }
                    later
                });
                known.subscribe()
            }
            None => {
                let (known, latest) = watch::channel(history.clone());
                watched.orders.insert(history.order_id, known);
                latest
            }
        };
        if watched.look.as_ref().is_none_or(JoinHandle::is_finished) {
            watched.look = Some(tokio::spawn(Arc::clone(self).look()));
        }
        latest
    }

    /// Looks at the watched orders until there are none, or the service stops.
    async fn look(self: Arc<Self>) {
        while let Some(seen) = self.still_watched() {
            match store::changed(self.handle.db(), &seen).await {
                Ok(changed) => self.tell(changed),
                // The watchers wait; the next look may succeed.
                Err(failure) => tracing::debug!("the watched orders could not be read: {failure}"),
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.handle.stopping() => return,
            }
        }
    }

    /// The orders that somebody still watches, and what is known of them. `None` if there are none:
    /// then nobody looks any more.
    fn still_watched(&self) -> Option<Vec<(OrderId, Status)>> {
        let mut watched = self.watched();
        watched.orders.retain(|_, known| known.receiver_count() > 0);
        if watched.orders.is_empty() {
            watched.look = None;
            return None;
        }
        let known = watched.orders.iter();
        Some(known.map(|(order_id, known)| (*order_id, known.borrow().status)).collect())
    }

    fn tell(&self, changed: Vec<History>) {
        let mut watched = self.watched();
        for history in changed {
            let (order_id, ended) = (history.order_id, history.has_ended());
            if let Some(known) = watched.orders.get(&order_id) {
                known.send_replace(history);
            }
            if ended {
                watched.orders.remove(&order_id);
            }
        }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        // Nothing panics while it is held half changed.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watcher's place, given back when it is dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    _own: Own,
}

/// Its share of what one customer may have.
struct Own {
    shared: Arc<Shared>,
    customer: Option<CustomerId>,
}

impl Drop for Own {
    fn drop(&mut self) {
        let Some(customer) = self.customer else { return };
        let mut customers = self.shared.customers();
        if let Some(count) = customers.get_mut(&customer) {
            *count -= 1;
            if *count == 0 {
                customers.remove(&customer);
            }
        }
    }
}

/// One client.
struct Watcher {
    latest: watch::Receiver<History>,
    /// The number of the last change that was sent.
    seen: u8,
    handle: Handle,
    _place: Place,
}

impl Watcher {
    /// The next change. `None` after the last one, and when the service stops: the client then asks
    /// another replica for the rest.
    async fn next(mut self) -> Option<((u8, StatusChange), Self)> {
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
