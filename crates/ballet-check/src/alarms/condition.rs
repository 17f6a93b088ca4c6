//! When an alarm rings, as an expression of Prometheus. There is no more to it than two scrapes can show,
//! so that a test can cause the condition and evaluate the expression.

use std::fmt;

/// A comparison of a metric's samples with a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Condition {
    /// The name of the metric.
    pub(crate) metric: &'static str,
    /// The labels that its samples must have.
    pub(crate) labels: &'static [(&'static str, &'static str)],
    /// What is compared.
    pub(crate) figure: Figure,
    /// Whether all replicas report the same, so that one alarm is enough.
    pub(crate) is_shared: bool,
    /// The number, and on which side of it the alarm rings.
    pub(crate) bound: Bound,
}

/// What of a metric is compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Figure {
    /// Its value.
    Value,
    /// Its value without the sign.
    Distance,
    /// How much it has increased in these minutes.
    IncreaseIn(u32),
}

/// A bound that must not be crossed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    /// The alarm rings above it.
    Above(f64),
    /// The alarm rings below it.
    Below(f64),
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, labels, figure, is_shared, bound } = self;
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let figure = match figure {
            Figure::Value => format!("{metric}{labels}"),
            Figure::Distance => format!("abs({metric}{labels})"),
            Figure::IncreaseIn(minutes) => format!("increase({metric}{labels}[{minutes}m])"),
        };
        let figure = if *is_shared { format!("max by (job) ({figure})") } else { figure };
        match bound {
            Bound::Above(bound) => write!(f, "{figure} > {bound}"),
            Bound::Below(bound) => write!(f, "{figure} < {bound}"),
        }
    }
}
