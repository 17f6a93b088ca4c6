//! The metrics of the process, as the text that Prometheus reads.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{Display, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError, RwLock};

use metrics::atomics::AtomicU64;
use metrics::{
    Counter, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// The bounds of a histogram whose name ends with `_size`.
const SIZES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0];

/// What the process has counted and measured.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Recorded>);

#[derive(Debug)]
struct Recorded {
    seconds: &'static [f64],
    counters: Series<AtomicU64>,
    gauges: Series<AtomicU64>,
    histograms: Series<Buckets>,
}

/// The values of one kind, by name and labels.
#[derive(Debug)]
struct Series<T>(RwLock<HashMap<Key, Arc<T>>>);

/// The samples at most as great as each bound and greater than the one before; the last of `counts` are above all.
#[derive(Debug)]
struct Buckets {
    bounds: &'static [f64],
    counts: Vec<AtomicU64>,
    /// The bits of a number.
    sum: AtomicU64,
}

impl Metrics {
    /// Records the metrics of this process from now on. `seconds` are the bounds of all histograms but those whose name
    /// ends with `_size`. `None` if the program has another recorder.
    #[must_use]
    pub fn install(seconds: &'static [f64]) -> Option<Self> {
        let metrics = Self::new(seconds);
        metrics::set_global_recorder(metrics.clone()).is_ok().then_some(metrics)
    }

    fn new(seconds: &'static [f64]) -> Self {
        let (counters, gauges, histograms) =
            (Series::default(), Series::default(), Series::default());
        Self(Arc::new(Recorded { seconds, counters, gauges, histograms }))
    }

    /// The text, sorted by name.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        self.0.counters.write("counter", &mut text, |text, name, labels, count| {
            line(text, name, labels, &count.load(Relaxed));
        });
        self.0.gauges.write("gauge", &mut text, |text, name, labels, gauge| {
            line(text, name, labels, &f64::from_bits(gauge.load(Relaxed)));
        });
        self.0.histograms.write("histogram", &mut text, |text, name, labels, buckets| {
            let mut count = 0;
            let bounds = buckets.bounds.iter().chain([&f64::INFINITY]);
            for (bound, counted) in bounds.zip(&buckets.counts) {
                count += counted.load(Relaxed);
                let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
                let comma = if labels.is_empty() { "" } else { "," };
                line(
                    text,
                    &format!("{name}_bucket"),
                    &format!("{labels}{comma}le=\"{bound}\""),
                    &count,
                );
            }
            let sum = f64::from_bits(buckets.sum.load(Relaxed));
            line(text, &format!("{name}_sum"), labels, &sum);
            line(text, &format!("{name}_count"), labels, &count);
        });
        text
    }
}

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Series<T> {
    fn of(&self, key: &Key, new: impl FnOnce() -> T) -> Arc<T> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        known.unwrap_or_else(|| {
            let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(key.clone()).or_insert_with(|| Arc::new(new())))
        })
    }

    fn write(&self, kind: &str, text: &mut String, one: impl Fn(&mut String, &str, &str, &T)) {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut last = String::new();
        for (key, value) in all {
            let name = word(key.name());
            if last != *name {
                text.push_str(&format!("# TYPE {name} {kind}\n"));
                last = name.to_string();
            }
            let labels = key.labels().map(|label| {
                let value = label.value().replace('\\', "\\\\").replace('"', "\\\"");
                format!("{}=\"{}\"", word(label.key()), value.replace('\n', "\\n"))
            });
            one(text, &name, &labels.collect::<Vec<_>>().join(","), &value);
        }
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Relaxed);
        }
        GaugeFn::increment(&self.sum, value);
    }
}

impl Recorder for Metrics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.0.counters.of(key, AtomicU64::default).into()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.0.gauges.of(key, AtomicU64::default).into()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let bounds = if key.name().ends_with("_size") { SIZES } else { self.0.seconds };
        let new = || Buckets {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::default()).collect(),
            sum: AtomicU64::default(),
        };
        self.0.histograms.of(key, new).into()
    }
}

fn line(text: &mut String, name: &str, labels: &str, value: &dyn Display) {
    // Writing to a String does not fail.
    let _written = if labels.is_empty() {
        writeln!(text, "{name} {value}")
    } else {
        writeln!(text, "{name}{{{labels}}} {value}")
    };
}

/// A name as Prometheus has it.
fn word(name: &str) -> Cow<'_, str> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
    if name.chars().all(fits) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.replace(|letter| !fits(letter), "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_text_for_prometheus() {
        let metrics = Metrics::new(&[0.5, 1.0]);
        metrics::with_local_recorder(&metrics, || {
            metrics::counter!("b_total", "why" => "a \"\\\n").increment(2);
            metrics::counter!("b_total", "why" => "a \"\\\n").increment(1);
            metrics::counter!("a.total").absolute(7);
            metrics::gauge!("c").set(-1.5);
            for seconds in [0.5, 0.6, 3.0] {
                metrics::histogram!("d_seconds", "of" => "x").record(seconds);
            }
            metrics::histogram!("e_size").record(1000.0);
        });
        let text = metrics.render();
        let (start, sizes) = text.split_once("# TYPE e_size").expect("the last");
        assert_eq!(
            start,
            "# TYPE a_total counter\na_total 7\n\
             # TYPE b_total counter\nb_total{why=\"a \\\"\\\\\\n\"} 3\n\
             # TYPE c gauge\nc -1.5\n\
             # TYPE d_seconds histogram\nd_seconds_bucket{of=\"x\",le=\"0.5\"} 1\n\
             d_seconds_bucket{of=\"x\",le=\"1\"} 2\nd_seconds_bucket{of=\"x\",le=\"+Inf\"} 3\n\
             d_seconds_sum{of=\"x\"} 4.1\nd_seconds_count{of=\"x\"} 3\n"
        );
        assert!(
            sizes.contains("e_size_bucket{le=\"250\"} 0\ne_size_bucket{le=\"1000\"} 1\n"),
            "{sizes}"
        );
    }
}
