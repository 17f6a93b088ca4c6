//! Notices a handler that holds its thread: one that blocks, or calculates for long, without an `await`. No
//! time limit ends it, because only an `await` can be cut, and tasks on the same thread wait for it. A thread
//! outside of the runtime looks for such handlers.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// Between two `await`s a handler takes microseconds.
const LIMIT: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A handler that runs on a thread, between two `await`s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    service: &'static str,
    step: &'static str,
    since: Instant,
}

/// The handler that runs on one thread, if any.
type Seat = Mutex<Option<Holder>>;

static SEATS: Mutex<Vec<Weak<Seat>>> = Mutex::new(Vec::new());

thread_local! {
    static SEAT: RefCell<Option<Arc<Seat>>> = const { RefCell::new(None) };
}

/// Runs a handler, and knows on which thread it is while it runs. The handler is pinned by the caller, so its
/// future is not copied into another.
pub(crate) fn watched<T>(
    service: &'static str,
    step: &'static str,
    mut handler: impl Future<Output = T> + Unpin,
) -> impl Future<Output = T> {
    poll_fn(move |context| {
        let _held = HeldThread::begin(Holder { service, step, since: Instant::now() });
        Pin::new(&mut handler).poll(context)
    })
}

/// Ends with the poll, also if that panics.
struct HeldThread {
    seat: Arc<Seat>,
    before: Option<Holder>,
}

impl HeldThread {
    fn begin(holder: Holder) -> Self {
        let seat = SEAT.with_borrow_mut(|seat| Arc::clone(seat.get_or_insert_with(take_seat)));
        let before = lock(&seat).replace(holder);
        Self { seat, before }
    }
}

impl Drop for HeldThread {
    fn drop(&mut self) {
        *lock(&self.seat) = self.before;
    }
}

fn take_seat() -> Arc<Seat> {
    let seat = Arc::new(Seat::default());
    let mut seats = lock(&SEATS);
    seats.retain(|seat| seat.strong_count() > 0);
    seats.push(Arc::downgrade(&seat));
    seat
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The handler of a service that has held its thread for longest, if one has for too long.
fn longest(service: &str) -> Option<Holder> {
    let seats: Vec<Arc<Seat>> = lock(&SEATS).iter().filter_map(Weak::upgrade).collect();
    let held = seats.iter().filter_map(|seat| *lock(seat));
    let too_long =
        held.filter(|holder| holder.service == service && holder.since.elapsed() >= LIMIT);
    too_long.min_by_key(|holder| holder.since)
}

/// Says which step of a service holds a thread, if one does.
pub(crate) fn held(service: &str) -> Option<String> {
    let Holder { step, since, .. } = longest(service)?;
    Some(format!(
        "the step {step} has held its thread for {} s without an await: it blocks, or calculates for long",
        since.elapsed().as_secs()
    ))
}

/// Watches the handlers of a service for as long as it lives.
pub(crate) fn watch<T: Send + Sync + 'static>(service: &'static str, alive: Weak<T>) {
    let runtime = Handle::current();
    let look = move || {
        let mut told: Option<Holder> = None;
        while alive.strong_count() > 0 {
            thread::sleep(LOOK_EVERY);
            let now = longest(service);
            // The thread that is held may have been the one that waited for sockets and timers for all. An idle
            // one takes that over when it has had something to do, and readiness answers again.
            drop(runtime.spawn(async {}));
            if let Some(before) =
                told.filter(|before| now.is_none_or(|now| now.step != before.step))
            {
                gauge(before.step).set(0.0);
            }
            if let Some(holder) = now {
                gauge(holder.step).set(holder.since.elapsed().as_secs_f64());
            }
            match (now, held(service)) {
                (Some(_), Some(what)) if now != told => tracing::error!(
                    "{what}; other work on this thread waits, and the time limit of handlers does not end \
                     it. Give such work to tokio::task::spawn_blocking, or make it a call"
                ),
                (None, _) if told.is_some() => tracing::info!("no step holds a thread any more"),
                _ => {}
            }
            told = now;
        }
    };
    if let Err(error) = thread::Builder::new().name("ballet-watch".to_owned()).spawn(look) {
        tracing::warn!("a handler that blocks would not be noticed: {error}");
    }
}

pub(crate) fn gauge(step: &'static str) -> ballet_amqp::metric::Gauge {
    ballet_amqp::gauge!("ballet_worker_held_seconds", "step" => step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_handler_is_on_its_thread_only_while_it_runs() {
        let on_thread = || SEAT.with_borrow(|seat| seat.as_ref().and_then(|seat| *lock(seat)));
        let inner = async move { on_thread().map(|it| it.step) };
        let inner = watched("hotel", "inner", Box::pin(inner));
        let outer = async move {
            let inner = inner.await;
            (inner, on_thread().map(|holder| holder.step))
        };
        let outer = watched("hotel", "outer", Box::pin(outer)).await;
        assert_eq!(outer, (Some("inner"), Some("outer")));
        assert_eq!(on_thread(), None);
        assert_eq!(held("hotel"), None);
    }
}
