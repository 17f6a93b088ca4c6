//! Metrics that contain a recorder's panics. A program may install its own recorder. If it panics,
//! the sample is lost, and the code that counts goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

#[doc(hidden)]
pub use metrics;

/// Calls the recorder, and returns `None` if it panics. The log says so the first time.
pub fn contained<T>(call: impl FnOnce() -> T) -> Option<T> {
    static SAID: AtomicBool = AtomicBool::new(false);
    let called = catch_unwind(AssertUnwindSafe(call)).ok();
    if called.is_none() && !SAID.swap(true, Ordering::Relaxed) {
        tracing::error!(
            "the metrics recorder panicked: what it was to record is lost, and later losses are \
             not logged"
        );
    }
    called
}

/// A recorder's handle. It is not called again after a panic: the panic hook writes each to stderr.
#[derive(Debug)]
struct Handle<T> {
    handle: Option<T>,
    panicked: AtomicBool,
}

impl<T> Handle<T> {
    fn new(register: impl FnOnce() -> T) -> Self {
        Self { handle: contained(register), panicked: AtomicBool::new(false) }
    }

    fn call(&self, call: impl FnOnce(&T)) {
        if let Some(handle) = &self.handle
            && !self.panicked.load(Ordering::Relaxed)
            && contained(|| call(handle)).is_none()
        {
            self.panicked.store(true, Ordering::Relaxed);
        }
    }
}

/// A counter, as [`counter!`](crate::counter) makes it.
#[derive(Debug)]
pub struct Counter(Handle<metrics::Counter>);

impl Counter {
    /// Registers it.
    pub fn new(register: impl FnOnce() -> metrics::Counter) -> Self {
        Self(Handle::new(register))
    }

    /// Adds to it.
    pub fn increment(&self, by: u64) {
        self.0.call(|counter| counter.increment(by));
    }
}

/// A gauge, as [`gauge!`](crate::gauge) makes it.
#[derive(Debug)]
pub struct Gauge(Handle<metrics::Gauge>);

impl Gauge {
    /// Registers it.
    pub fn new(register: impl FnOnce() -> metrics::Gauge) -> Self {
        Self(Handle::new(register))
    }

    /// Sets it.
    pub fn set(&self, value: impl metrics::IntoF64) {
        self.0.call(|gauge| gauge.set(value));
    }
}

/// A histogram, as [`histogram!`](crate::histogram) makes it.
#[derive(Debug)]
pub struct Histogram(Handle<metrics::Histogram>);

impl Histogram {
    /// Registers it.
    pub fn new(register: impl FnOnce() -> metrics::Histogram) -> Self {
        Self(Handle::new(register))
    }

    /// Records a sample.
    pub fn record(&self, value: impl metrics::IntoF64) {
        self.0.call(|histogram| histogram.record(value));
    }
}

/// A [`Counter`](crate::metric::Counter), with the arguments of `metrics::counter!`.
#[doc(hidden)]
#[macro_export]
macro_rules! counter {
    ($($arguments:tt)+) => {
        $crate::metric::Counter::new(|| $crate::metric::metrics::counter!($($arguments)+))
    };
}

/// A [`Gauge`](crate::metric::Gauge), with the arguments of `metrics::gauge!`.
#[doc(hidden)]
#[macro_export]
macro_rules! gauge {
    ($($arguments:tt)+) => {
        $crate::metric::Gauge::new(|| $crate::metric::metrics::gauge!($($arguments)+))
    };
}

/// A [`Histogram`](crate::metric::Histogram), with the arguments of `metrics::histogram!`.
#[doc(hidden)]
#[macro_export]
macro_rules! histogram {
    ($($arguments:tt)+) => {
        $crate::metric::Histogram::new(|| $crate::metric::metrics::histogram!($($arguments)+))
    };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;

    /// Counts its calls, and panics.
    #[derive(Default)]
    struct Panics(AtomicU64);

    impl Panics {
        fn called(&self) -> ! {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("no value is taken")
        }
    }

    impl metrics::CounterFn for Panics {
        fn increment(&self, _: u64) {
            self.called()
        }

        fn absolute(&self, _: u64) {
            self.called()
        }
    }

    #[test]
    fn a_handle_that_panicked_is_not_called_again() {
        let panics = Arc::new(Panics::default());
        let counter = Counter::new(|| metrics::Counter::from_arc(Arc::clone(&panics)));
        counter.increment(1);
        counter.increment(1);
        assert_eq!(panics.0.load(Ordering::Relaxed), 1);
    }
}
