//! One saga: its events and why it waits.

use std::collections::BTreeMap;

use ballet_core::{Part, StepKind, System, id};
use ballet_store::ledger::recorded_rows::{RecordedRow, RowWithBody, of_saga};
use ballet_store::operators::compensations_by_hand::{CompensationByHand, notes};
use ballet_store::operators::interventions::{self, Intervention};
use ballet_store::operators::stopped_sagas::{self, StoppedSaga};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::audit::ledger::{RowsByService, published};
use crate::databases::{ServiceDatabase, ServiceDatabases};
use crate::sagas::explain::Explainer;
use crate::sagas::repeated_reads;
use crate::sagas::saga_state::SagaWait;
use crate::sagas::service_state::states;

/// An event of a saga.
#[derive(Debug, Clone, PartialEq)]
pub struct SagaEvent {
    /// The time at which the publisher recorded it.
    pub at: Timestamp,
    /// The publisher. That of the event which begins a saga is not recorded, so the service named by the event stands
    /// for it.
    pub service: String,
    /// Its type.
    pub event_type: String,
    /// Its body.
    pub body: Value,
}

/// The details of one saga.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SagaDetails {
    /// Its events, in the order of time.
    pub events: Vec<SagaEvent>,
    /// The version of each saga with this id, if that saga has several.
    pub versions: Vec<(&'static str, u32)>,
    /// The causes of its waiting, the oldest first.
    pub waits: Vec<SagaWait>,
    /// The notes of compensations by hand, each with its service.
    pub solved: Vec<(String, CompensationByHand)>,
    /// The interventions in its messages and calls, each with its service, by time.
    pub interventions: Vec<(String, Intervention)>,
    /// The notes of its stops.
    pub stopped: Vec<StoppedSaga>,
    /// When the owner aborts it if still undecided.
    pub deadline: Option<Timestamp>,
    /// The time by the databases' clocks.
    pub now: Option<Timestamp>,
    /// The databases that could not be read, and why. Their services' events and waits are missing.
    pub away: Vec<String>,
}

/// Reads the records of all services about a saga.
///
/// `databases` has each service's database.
pub async fn show(
    system: &System,
    databases: &[(String, PgConnectOptions)],
    saga: Uuid,
) -> SagaDetails {
    let mut sources = ServiceDatabases::open(databases).await;
    let (mut shown, mut rows) = look(&mut sources, system, saga).await;
    for _ in 1..repeated_reads::MOST {
        if shown.waits.is_empty() {
            break;
        }
        let before = rows;
        (shown, rows) = look(&mut sources, system, saga).await;
        if rows == before {
            break;
        }
    }
    shown.away = sources.why_away();
    sources.close().await;
    shown
}

async fn look<'a>(
    sources: &mut ServiceDatabases<'a>,
    system: &System,
    saga: Uuid,
) -> (SagaDetails, RowsByService<'a>) {
    let states = states(sources).await;
    let (mut rows, mut shown) = (RowsByService::new(), SagaDetails::default());
    for ServiceDatabase { service, server, db } in sources.each() {
        let read = async {
            let recorded = of_saga(db, saga).await?;
            let by_hand = (notes(db, saga).await?, interventions::of_saga(db, saga).await?);
            Ok((recorded, by_hand, stopped_sagas::of_saga(db, saga).await?))
        };
        let Some((recorded, (solved, acts), by)) = server.read(read).await else { continue };
        let acts = acts.into_iter().map(|act| ((*service).to_owned(), act));
        shown.interventions.extend(acts);
        shown.stopped.extend(by);
        let solved = solved.into_iter().map(|note| ((*service).to_owned(), note));
        shown.solved.extend(solved);
        if let Some(part) = system.parts.iter().find(|part| part.service == *service) {
            shown.events.extend(saga_events(part, &recorded));
        }
        let of_service: Vec<RecordedRow> = recorded.into_iter().map(|one| one.row).collect();
        if !of_service.is_empty() {
            rows.insert(*service, of_service);
        }
    }
    shown.events.sort_by_key(|event| event.at);
    shown.interventions.sort_by_key(|(_, act)| act.at);
    let explainer = Explainer::new(system, &states);
    shown.versions = explainer.versions(&rows);
    shown.waits = explainer.waits(saga, &rows);
    shown.deadline = explainer.deadline(saga);
    shown.now = explainer.now();
    (shown, rows)
}

fn saga_events(part: &Part, recorded: &[RowWithBody]) -> Vec<SagaEvent> {
    let rows: Vec<RecordedRow> = recorded.iter().map(|one| one.row.clone()).collect();
    let by_ordinal: BTreeMap<i32, &RowWithBody> =
        recorded.iter().map(|one| (one.row.ordinal, one)).collect();
    let mut events = Vec::new();
    for row in published(part, &rows) {
        let Some(recorded) = by_ordinal.get(&row.ordinal) else { continue };
        let mut steps = part.sagas.iter().flat_map(|saga| &saga.steps);
        let origin = steps.find(|step| step.name == row.step && step.kind == StepKind::Origin);
        if let Some(begins) = origin.and_then(|step| step.on.first())
            && let Some(at) = recorded.cause.and_then(id::time_of)
        {
            events.push(SagaEvent {
                at,
                service: begins.service().to_owned(),
                event_type: begins.name().to_owned(),
                body: Value::Null,
            });
        }
        let body = recorded.body.as_deref().and_then(|body| serde_json::from_str(body).ok());
        events.push(SagaEvent {
            at: row.recorded_at,
            service: part.service.to_owned(),
            event_type: row.event_type.clone().unwrap_or_default(),
            body: body.unwrap_or_default(),
        });
    }
    events
}
