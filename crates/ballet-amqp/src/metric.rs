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

/// A counter, as [`counter!`](crate::counter) makes it.
#[derive(Debug)]
pub struct Counter(Option<metrics::Counter>);

impl Counter {
    /// Registers it.
    pub fn new(register: impl FnOnce() -> metrics::Counter) -> Self {
        Self(contained(register))
    }

    /// Adds to it.
    pub fn increment(&self, by: u64) {
        if let Some(counter) = &self.0 {
            contained(|| counter.increment(by));
        }
    }
}

/// A gauge, as [`gauge!`](crate::gauge) makes it.
#[derive(Debug)]
pub struct Gauge(Option<metrics::Gauge>);

impl Gauge {
    /// Registers it.
    pub fn new(register: impl FnOnce() -> metrics::Gauge) -> Self {
        Self(contained(register))
    }

    /// Sets it.
    pub fn set(&self, value: impl metrics::IntoF64) {
        if let Some(gauge) = &self.0 {
            contained(|| gauge.set(value));
        }
    }
}

/// A histogram, as [`histogram!`](crate::histogram) makes it.
#[derive(Debug)]
pub struct Histogram(Option<metrics::Histogram>);

impl Histogram {
    /// Registers it.
    pub fn new(register: impl FnOnce() -> metrics::Histogram) -> Self {
        Self(contained(register))
    }

    /// Records a sample.
    pub fn record(&self, value: impl metrics::IntoF64) {
        if let Some(histogram) = &self.0 {
            contained(|| histogram.record(value));
        }
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
