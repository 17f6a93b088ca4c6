//! What keeps sagas from going on that is not theirs: a service without a process, a provider that does not answer, a
//! binding that is missing, a broker that takes nothing. Of whom does not answer nothing is known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ballet_core::System;
use ballet_ops::finding::Finding;
use ballet_store::calls::open::{self, OpenCall};
use ballet_store::process::{Alive, alive};
use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::hindrance::Hindrance;
use crate::known::Known;
use crate::looks::Looks;

const EVERY: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(5);
/// The broker is asked each so many rounds.
const ROUNDS: u32 = 4;
/// The most characters of a provider's error.
const ERROR: usize = 200;

/// Looks for ever what hinders.
pub(crate) async fn watch(
    databases: Vec<(String, PgConnectOptions)>,
    looks: Option<Arc<dyn Looks>>,
    known: Arc<Known>,
    hindrances: watch::Sender<Vec<Hindrance>>,
) {
    let mut open: Vec<(String, PgConnectOptions, Option<PgConnection>)> =
        databases.into_iter().map(|(service, options)| (service, options, None)).collect();
    let mut of_broker = Vec::new();
    for round in (0..ROUNDS).cycle() {
        let of_services = open.iter_mut().map(|(service, options, db)| async move {
            let looked = timeout(PATIENCE, of_service(service, options, db)).await;
            if !matches!(looked, Ok(Ok(_))) {
                *db = None;
            }
            looked.ok().and_then(Result::ok).unwrap_or_default()
        });
        let mut now: Vec<Hindrance> = join_all(of_services).await.into_iter().flatten().collect();
        if let (0, Some(looks)) = (round, &looks) {
            let found = timeout(PATIENCE, looks.broker()).await;
            let found = found.ok().and_then(Result::ok).unwrap_or_default();
            of_broker = by_broker(known.system(), &found);
        }
        now.extend(of_broker.iter().cloned());
        hindrances.send_if_modified(|before| {
            let is_new = *before != now;
            *before = now;
            is_new
        });
        sleep(EVERY).await;
    }
}

async fn of_service(
    service: &str,
    options: &PgConnectOptions,
    db: &mut Option<PgConnection>,
) -> Result<Vec<Hindrance>, sqlx::Error> {
    let db = match db {
        Some(db) => db,
        None => db.insert(PgConnection::connect_with(options).await?),
    };
    if alive(db).await? != Alive::Yes {
        return Ok(vec![Hindrance::of_service(service, "it has no process")]);
    }
    let away = providers_away(&open::list(db).await?);
    let hindrance = |(step, why): (String, String)| Hindrance::of_step(service, &step, &why);
    Ok(away.into_iter().map(hindrance).collect())
}

/// The steps whose provider is away: each of their calls that was made has failed.
fn providers_away(calls: &[OpenCall]) -> BTreeMap<String, String> {
    let mut away = BTreeMap::new();
    for call in calls {
        let of_step = || calls.iter().filter(|other| other.step == call.step && other.attempts > 0);
        let (Some(error), false) = (&call.last_error, away.contains_key(&call.step)) else {
            continue;
        };
        if of_step().all(|other| other.last_error.is_some()) {
            let error: String = error.chars().take(ERROR).collect();
            away.insert(call.step.clone(), format!("its provider does not answer: {error}"));
        }
    }
    away
}

/// What the broker's state hinders.
fn by_broker(system: &System, found: &[Finding]) -> Vec<Hindrance> {
    let mut all = Vec::new();
    let bad = || found.iter().filter(|finding| finding.state.needs_somebody());
    for alarm in bad().filter(|finding| ["memory", "disk"].contains(&finding.check)) {
        let services = system.parts.iter().map(|part| part.service);
        all.extend(services.map(|service| Hindrance::of_service(service, &alarm.found)));
    }
    for (queue, event) in bad().filter_map(|finding| finding.binding.as_ref()) {
        let parts = system.parts.iter().filter(|part| part.service == queue);
        let steps = parts.flat_map(|part| &part.sagas).flat_map(|saga| &saga.steps);
        let waiting = steps.filter(|step| step.on.iter().any(|on| on.name() == event));
        let why = format!("the binding that leads {event} to it is missing");
        all.extend(waiting.map(|step| Hindrance::of_step(queue, step.name, &why)));
    }
    all
}

#[cfg(test)]
mod tests {
    use ballet_core::{EventType, Part, SagaPart, StepKind, StepPart};
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_provider_is_away_when_no_call_of_the_step_gets_an_answer() {
        let call = |step: &str, attempts, error: Option<&str>| OpenCall {
            saga: Uuid::nil(),
            step: step.to_owned(),
            key: String::new(),
            undo: false,
            attempts,
            last_error: error.map(str::to_owned),
            since: Timestamp::UNIX_EPOCH,
            next_at: None,
        };
        let calls = [
            call("pay", 3, Some("refused")),
            call("pay", 0, None),
            call("book", 1, Some("500")),
            call("book", 1, None),
            call("ship", 1, None),
        ];
        let away = providers_away(&calls);
        assert_eq!(away.len(), 1, "{away:?}");
        assert_eq!(away["pay"], "its provider does not answer: refused");
    }

    #[test]
    fn an_alarm_hinders_all_and_a_missing_binding_the_steps_that_wait_for_its_event() {
        let placed = EventType::in_saga("orders.placed.v1");
        let done = EventType::in_saga("stock.reserved.v1");
        let step = StepPart::new("reserve", StepKind::Compensatable, vec![placed], done);
        let saga = SagaPart {
            saga: "order",
            owner: "orders",
            abort: None,
            aborts_on: Vec::new(),
            deadline: None,
            begins: 1,
            steps: vec![step],
        };
        let stock = Part { service: "stock", sagas: vec![saga], ..Part::default() };
        let orders = Part { service: "orders", ..Part::default() };
        let system = System { name: "shop", parts: vec![orders, stock] };
        let mut binding = Finding::bad("topology", "the broker", "a binding is missing", "");
        binding.binding = Some(("stock".to_owned(), placed.name().to_owned()));
        let keys = |found: &[Finding]| {
            by_broker(&system, found).iter().map(Hindrance::key).collect::<Vec<_>>()
        };
        assert_eq!(keys(&[binding]), ["stock/reserve"]);
        let disk = Finding::bad("disk", "rabbit@a", "the disk alarm is on", "make room");
        assert_eq!(keys(&[disk]), ["orders", "stock"]);
        assert!(keys(&[Finding::well("disk", "rabbit@a", "")]).is_empty());
    }
}
