//! What a server warns of when a session begins, such as other rules of sorting than those of its indexes.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use ballet_core::Cause;
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::standing::finding::Finding;

/// In both of Postgres' sentences of it.
const COLLATION: &str = "collation version";

/// Waits for a login. Returns also what the server has warned of.
pub(super) async fn heard<T>(login: impl Future<Output = T>) -> (T, Vec<String>) {
    let heard = Heard::default();
    let done = login.with_subscriber(heard.clone()).await;
    let warnings = heard.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (done, warnings)
}

pub(super) fn finding(service: &str, warning: &str) -> Finding {
    if !warning.contains(COLLATION) {
        let advice = "the server's log has more of it, and Postgres' release notes what to do";
        return Finding::warning(Cause::ServerWarning, service, warning, advice);
    }
    let found = format!("{warning}: another libc or ICU sorts text otherwise than its indexes do");
    let advice = "stop the service, rebuild its indexes (REINDEX DATABASE), then ALTER DATABASE ... REFRESH \
                  COLLATION VERSION";
    Finding::bad(Cause::ServerWarning, service, &found, advice)
}

/// Hears what sqlx logs of a server's notices, which it tells in no other way.
#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::postgres::notice" && *metadata.level() <= LevelFilter::WARN
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Heard {
    fn record_str(&mut self, _: &Field, said: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(said.to_owned());
    }

    fn record_debug(&mut self, field: &Field, said: &dyn Debug) {
        self.record_str(field, &format!("{said:?}"));
    }
}
