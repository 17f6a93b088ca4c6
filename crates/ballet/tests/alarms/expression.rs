//! The expressions of alarms: as much of Prometheus' language as two scrapes can show. What is beyond it
//! fails, so no alarm is written that nobody tests.

use std::collections::BTreeMap;

use crate::scrape::{Sample, read_labels, samples};

/// `max by (job) (increase(metric{label="value"}[5m])) > 0`, where all but the metric and the comparison may
/// be missing.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    pub(crate) metric: String,
    pub(crate) labels: BTreeMap<String, String>,
    function: Function,
    compare: fn(f64, f64) -> bool,
    bound: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Function {
    Value,
    Distance,
    Increase,
}

impl Expression {
    pub(crate) fn read(text: &str) -> Self {
        let above: fn(f64, f64) -> bool = |figure, bound| figure > bound;
        let below: fn(f64, f64) -> bool = |figure, bound| figure < bound;
        let (figure, compare, bound) = match (text.split_once(" > "), text.split_once(" < ")) {
            (Some((figure, bound)), None) => (figure, above, bound),
            (None, Some((figure, bound))) => (figure, below, bound),
            _ => panic!("{text}: one comparison is expected"),
        };
        let bound = bound.parse().expect("a number");
        let within = |text: &str, open: &str| {
            Some(text.strip_prefix(open)?.strip_suffix(')').expect("a bracket").to_owned())
        };
        // One service is scraped, so the greatest of its values is over a bound if any is.
        let figure = within(figure, "max by (job) (").unwrap_or_else(|| figure.to_owned());
        let (function, selector) = if let Some(inside) = within(&figure, "abs(") {
            (Function::Distance, inside)
        } else if let Some(inside) = within(&figure, "increase(") {
            let (selector, minutes) = inside.split_once('[').expect("a range");
            let minutes = minutes.strip_suffix("m]").expect("minutes");
            assert!(minutes.parse::<u32>().is_ok(), "{text}");
            (Function::Increase, selector.to_owned())
        } else {
            (Function::Value, figure)
        };
        let (metric, labels) = match selector.split_once('{') {
            Some((metric, labels)) => (metric, labels.strip_suffix('}').expect("a brace")),
            None => (selector.as_str(), ""),
        };
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(metric.starts_with("ballet_") && metric.chars().all(is_name), "{text}: {metric}");
        let (metric, labels) = (metric.to_owned(), read_labels(labels));
        Self { metric, labels, function, compare, bound }
    }

    /// The samples that it is about.
    pub(crate) fn selects<'a>(&self, scrape: &'a [Sample]) -> Vec<&'a Sample> {
        let has =
            |sample: &Sample| self.labels.iter().all(|(k, v)| sample.labels.get(k) == Some(v));
        scrape.iter().filter(|sample| sample.name == self.metric && has(sample)).collect()
    }

    /// The values that are compared with the bound, for each sample of the later scrape.
    pub(crate) fn figures(&self, earlier: &[Sample], later: &[Sample]) -> Vec<f64> {
        let before = self.selects(earlier);
        let figure = |sample: &Sample| match self.function {
            Function::Value => sample.value,
            Function::Distance => sample.value.abs(),
            // A series that was not there before has not increased.
            Function::Increase => {
                let before = before.iter().find(|before| before.labels == sample.labels);
                before.map_or(0.0, |before| sample.value - before.value)
            }
        };
        self.selects(later).into_iter().map(figure).collect()
    }

    /// Whether it holds.
    pub(crate) fn holds(&self, earlier: &[Sample], later: &[Sample]) -> bool {
        self.figures(earlier, later).iter().any(|figure| (self.compare)(*figure, self.bound))
    }
}

#[test]
fn an_expression_holds_for_the_samples_that_it_names() {
    let scrape = |returned: u32, ahead: i32, consume: u32| {
        samples(&format!(
            "returned_total 9\nballet_returned_total {returned}\nballet_ahead_seconds {ahead}\n\
             ballet_connected{{role=\"consume\"}} {consume}\nballet_connected{{role=\"publish\"}} 0\n"
        ))
    };
    let (calm, bad) = (scrape(5, 3, 1), scrape(6, -61, 0));
    for expression in [
        "increase(ballet_returned_total[5m]) > 0",
        "abs(ballet_ahead_seconds) > 60",
        "max by (job) (ballet_connected{role=\"consume\"}) < 1",
    ] {
        let expression = Expression::read(expression);
        assert!(!expression.holds(&calm, &calm), "{expression:?}");
        assert!(expression.holds(&calm, &bad), "{expression:?}");
    }
    let unknown = Expression::read("ballet_connected{role=\"bind\"} < 1");
    assert!(unknown.selects(&bad).is_empty() && !unknown.holds(&bad, &bad));
    // What was not there has not increased.
    let increase = Expression::read("increase(ballet_returned_total[5m]) > 0");
    assert!(!increase.holds(&[], &bad));
}
