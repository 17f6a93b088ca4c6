//! Compares the broker's bindings with the declared ones while the service runs.
//!
//! An event whose binding is missing is lost for this service without a sign: the publisher gets
//! its confirm, and other services may well get the event. So the service asks the broker, says
//! what is missing, and from when on events may have been missed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::metric::Gauge;
use ballet_amqp::{BindingsUnknown, Broker};
use ballet_core::Part;
use ballet_core::topology::{Binding, bindings_needed_by};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use tokio::sync::watch;

use crate::declare::clock::Clock;
use crate::engine::stopping::stopped;

/// A missing binding is known within a minute, even if the broker is slow to answer once.
const COMPARE_EVERY: Duration = Duration::from_secs(20);

/// How the broker's bindings compare with the declared ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bindings {
    service: &'static str,
    missing: Vec<Binding>,
    /// When all bindings were last seen.
    whole_at: Option<Timestamp>,
    /// Why the last comparison did not take place, if it did not.
    unknown: Option<String>,
}

impl Bindings {
    /// Whether no binding is known to be missing.
    pub(crate) fn has_all(&self) -> bool {
        self.missing.is_empty()
    }

    /// The command that sends what was missed since all bindings were last seen.
    fn redrive(&self) -> String {
        let second = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor);
        let since = self.whole_at.and_then(|at| at.round(second).ok());
        let since = since.map_or_else(|| "TIME".to_owned(), |at| at.to_string());
        format!("`ballet dlq redrive --from-journal {} --since {since}`", self.service)
    }
}

impl fmt::Display for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.missing.is_empty() {
            return match &self.unknown {
                Some(why) => write!(f, "not compared: {why}"),
                None if self.whole_at.is_none() => f.write_str("not compared yet"),
                None => f.write_str("ok"),
            };
        }
        for (at, binding) in self.missing.iter().enumerate() {
            write!(f, "{}{binding}", if at == 0 { "" } else { ", " })?;
        }
        let is = if self.missing.len() == 1 { "is" } else { "are" };
        write!(
            f,
            " {is} missing: `ballet topology apply` creates it again, then {} sends what was missed",
            self.redrive()
        )
    }
}

/// Compares the broker's bindings with the declared ones.
pub(crate) struct Compare {
    broker: Arc<dyn Broker>,
    /// The declared bindings, each with the gauge that is 1 while it is missing.
    needed: Vec<(Binding, Gauge)>,
    compared: Gauge,
    state: watch::Sender<Bindings>,
}

impl Compare {
    pub(crate) fn new(
        part: &Part,
        broker: Arc<dyn Broker>,
        state: watch::Sender<Bindings>,
    ) -> Self {
        let gauge = |binding: &Binding| {
            ballet_amqp::gauge!("ballet_binding_missing", "exchange" => binding.source.clone(),
                "to" => binding.destination.clone(), "key" => binding.key.clone())
        };
        let needed = bindings_needed_by(part);
        let needed = needed.into_iter().map(|binding| (binding.clone(), gauge(&binding))).collect();
        state.send_modify(|state| state.service = part.service);
        Self { broker, needed, compared: ballet_amqp::gauge!("ballet_bindings_compared"), state }
    }

    /// Compares now and regularly, until the service stops.
    pub(crate) async fn run(self, clock: Clock, mut stopping: watch::Receiver<bool>) {
        loop {
            // A binding that goes missing while the broker answers was there before the question.
            let asked_at = clock.now();
            tokio::select! {
                found = self.broker.bindings() => self.take(found, asked_at),
                () = stopped(&mut stopping) => return,
            }
            tokio::select! {
                () = tokio::time::sleep(COMPARE_EVERY) => {}
                () = stopped(&mut stopping) => return,
            }
        }
    }

    fn take(&self, found: Result<Vec<Binding>, BindingsUnknown>, asked_at: Timestamp) {
        let before = self.state.borrow().clone();
        let mut now = before.clone();
        self.compared.set(if found.is_ok() { 1.0 } else { 0.0 });
        match found {
            Err(BindingsUnknown(why)) => {
                if before.unknown.as_ref() != Some(&why) {
                    tracing::warn!("a missing binding would not be noticed: {why}");
                }
                // What was missing when the broker last answered still counts as missing.
                now.unknown = Some(why);
            }
            Ok(found) => {
                let is_missing = |binding: &Binding| !found.contains(binding);
                for (binding, gauge) in &self.needed {
                    gauge.set(if is_missing(binding) { 1.0 } else { 0.0 });
                }
                let needed = self.needed.iter().map(|(binding, _)| binding);
                now.missing = needed.filter(|binding| is_missing(binding)).cloned().collect();
                now.unknown = None;
                if now.missing.is_empty() {
                    if !before.missing.is_empty() {
                        let redrive = before.redrive();
                        tracing::warn!(
                            "all bindings are there again; {redrive} sends what was missed"
                        );
                    }
                    now.whole_at = Some(asked_at);
                } else if now.missing != before.missing {
                    tracing::error!("{now}");
                }
            }
        }
        self.state.send_replace(now);
    }
}
