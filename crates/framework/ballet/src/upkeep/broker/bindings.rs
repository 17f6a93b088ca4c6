//! Compares the broker's bindings, and its queues, with the declared ones while the service runs.
//!
//! An event whose binding is missing is lost for this service without a sign, since the publisher
//! gets its confirm. So the service asks the broker, and says what is missing and since when events
//! may have been missed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Broker, NotListed};
use ballet_core::Part;
use ballet_core::topology::{Binding, bindings_needed_by, journal_bindings};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use metrics::Gauge;
use tokio::sync::watch;

use crate::declare::handler::clock::Clock;
use crate::engine::stopping::{stopped, waited};
use crate::upkeep::broker::declared_queues::QueueComparer;

/// A missing binding is known within a minute, even if the broker is slow to answer once.
const COMPARE_EVERY: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Default)]
pub(crate) struct Bindings {
    service: &'static str,
    missing: Vec<Binding>,
    /// The journal's bindings that are missing. The service works without them.
    unrecorded: Vec<Binding>,
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

    /// The command that creates what is missing, and sends what was missed since all bindings were
    /// last seen.
    fn repair(&self) -> String {
        let second = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor);
        let since = self.whole_at.and_then(|at| at.round(second).ok());
        let since = since.map_or_else(|| "TIME".to_owned(), |at| at.to_string());
        format!("`ballet topology repair --since {since}`")
    }
}

impl fmt::Display for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.missing.is_empty() && !self.unrecorded.is_empty() {
            list(f, &self.unrecorded)?;
            return f.write_str(
                " missing: the journal does not record what is published, until `ballet topology apply` \
                 creates it again",
            );
        }
        if self.missing.is_empty() {
            return match &self.unknown {
                Some(why) => write!(f, "not compared: {why}"),
                None if self.whole_at.is_none() => f.write_str("not compared yet"),
                None => f.write_str("ok"),
            };
        }
        list(f, &self.missing)?;
        write!(f, " missing: {} creates it again, and sends what was missed", self.repair())
    }
}

fn list(f: &mut fmt::Formatter<'_>, bindings: &[Binding]) -> fmt::Result {
    for (at, binding) in bindings.iter().enumerate() {
        write!(f, "{}{binding}", if at == 0 { "" } else { ", " })?;
    }
    f.write_str(if bindings.len() == 1 { " is" } else { " are" })
}

pub(crate) struct BindingComparer {
    broker: Arc<dyn Broker>,
    queues: QueueComparer,
    /// The declared bindings, each with the gauge that is 1 while it is missing.
    needed: Vec<(Binding, Gauge)>,
    compared: Gauge,
    /// The gauges of the journal's bindings.
    recording: Vec<(Binding, Gauge)>,
    state: watch::Sender<Bindings>,
}

impl BindingComparer {
    pub(crate) fn new(
        part: &Part,
        broker: Arc<dyn Broker>,
        state: watch::Sender<Bindings>,
        queues: QueueComparer,
    ) -> Self {
        let gauge = |binding: &Binding| {
            metrics::gauge!("ballet_binding_missing", "exchange" => binding.source.clone(),
                "to" => binding.destination.clone(), "key" => binding.key.clone())
        };
        let gauged = |binding: Binding| (binding.clone(), gauge(&binding));
        let needed = bindings_needed_by(part).into_iter().map(gauged).collect();
        let recording = journal_bindings().into_iter().map(gauged).collect();
        state.send_modify(|state| state.service = part.service);
        let compared = metrics::gauge!("ballet_bindings_compared");
        Self { broker, queues, needed, compared, recording, state }
    }

    pub(crate) async fn run(self, clock: Clock, mut stopping: watch::Receiver<bool>) {
        loop {
            // A binding that goes missing while the broker answers was there before the question.
            let asked_at = clock.now();
            tokio::select! {
                found = self.broker.bindings() => self.take(found, asked_at),
                () = stopped(&mut stopping) => return,
            }
            tokio::select! {
                found = self.broker.queues() => self.queues.take(found),
                () = stopped(&mut stopping) => return,
            }
            if !waited(&mut stopping, COMPARE_EVERY).await {
                return;
            }
        }
    }

    fn take(&self, found: Result<Vec<Binding>, NotListed>, asked_at: Timestamp) {
        let before = self.state.borrow().clone();
        let mut now = before.clone();
        self.compared.set(if found.is_ok() { 1.0 } else { 0.0 });
        match found {
            Err(NotListed(why)) => {
                if before.unknown.as_ref() != Some(&why) {
                    tracing::warn!("a missing binding would not be noticed: {why}");
                }
                // A binding that was missing when the broker last answered still counts as missing.
                now.unknown = Some(why);
            }
            Ok(found) => {
                now.missing = missing(&self.needed, &found);
                now.unrecorded = missing(&self.recording, &found);
                now.unknown = None;
                if !now.unrecorded.is_empty() && now.unrecorded != before.unrecorded {
                    let unrecorded =
                        Bindings { unrecorded: now.unrecorded.clone(), ..Bindings::default() };
                    tracing::error!("{unrecorded}");
                }
                if now.missing.is_empty() {
                    if !before.missing.is_empty() {
                        let repair = before.repair();
                        tracing::warn!(
                            "all bindings are there again; {repair} sends what was missed"
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

fn missing(wanted: &[(Binding, Gauge)], found: &[Binding]) -> Vec<Binding> {
    let mut missing = Vec::new();
    for (binding, gauge) in wanted {
        let is_missing = !found.contains(binding);
        gauge.set(if is_missing { 1.0 } else { 0.0 });
        missing.extend(is_missing.then(|| binding.clone()));
    }
    missing
}
