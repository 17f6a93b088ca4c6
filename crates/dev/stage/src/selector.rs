//! An expression's metrics, and a scrape's samples.

use std::collections::{BTreeMap, BTreeSet};

/// A metric with required label values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    /// The name of the metric.
    pub metric: String,
    labels: BTreeMap<String, String>,
}

impl Selector {
    /// Returns an expression's selectors. Only labels compared with `=` count.
    #[must_use]
    pub fn all_of(expression: &str) -> BTreeSet<Self> {
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let mut found = BTreeSet::new();
        let mut rest = expression;
        while let Some(start) = rest.find(is_name) {
            let end = rest[start..].find(|c| !is_name(c)).map_or(rest.len(), |end| start + end);
            let metric = rest[start..end].to_owned();
            rest = &rest[end..];
            let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let labels = labels.map_or("", |(labels, _)| labels);
            rest = &rest[labels.len()..];
            if ["ballet_", "gateway_", "rabbitmq_", "console_"]
                .iter()
                .any(|of| metric.starts_with(of))
            {
                found.insert(Self { metric, labels: labels_of(labels) });
            }
        }
        found
    }

    /// Whether a sample has the metric and the labels.
    #[must_use]
    pub fn is_in(&self, samples: &[Sample]) -> bool {
        let fits = |sample: &Sample| {
            let mut labels = self.labels.iter();
            sample.metric == self.metric
                && labels.all(|(name, value)| sample.labels.get(name) == Some(value))
        };
        samples.iter().any(fits)
    }
}

/// A sample of a scrape.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name of the metric.
    pub metric: String,
    /// The labels with their values.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// Reads samples in Prometheus' text format.
///
/// # Panics
///
/// If a line has no number as its value.
#[must_use]
pub fn samples(text: &str) -> Vec<Sample> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(sample).collect()
}

fn sample(line: &str) -> Sample {
    let (of, value) = line.rsplit_once(' ').expect("a value");
    let (metric, labels) = of.split_once('{').unwrap_or((of, ""));
    let (metric, labels) = (metric.to_owned(), labels_of(labels.trim_end_matches('}')));
    Sample { metric, labels, value: value.parse().expect("a number") }
}

/// No value here has a comma.
fn labels_of(text: &str) -> BTreeMap<String, String> {
    let label = |label: &str| {
        let (name, value) = label.split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        (!name.ends_with('!')).then(|| (name.trim().to_owned(), value.to_owned()))
    };
    text.split(',').filter_map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_with_the_labels_that_it_has_to_have() {
        let read =
            samples("# TYPE ballet_a gauge\nballet_a{role=\"x\",of=\"y\"} 3\n\nballet_b 0.5\n");
        let found = |expression: &str| {
            let mut all = Selector::all_of(expression).into_iter();
            all.all(|selector| selector.is_in(&read))
        };
        assert!(found(
            "max by (job) (ballet_a{of=\"y\", role=~\"z|x\"}) > 0 unless ballet_b{of!=\"y\"}"
        ));
        assert!(!found("ballet_a{role=\"z\"}"));
        assert!(!found("ballet_b{role=\"x\"} or ballet_c"));
        assert!((read[0].value - 3.0).abs() < f64::EPSILON);
    }
}
