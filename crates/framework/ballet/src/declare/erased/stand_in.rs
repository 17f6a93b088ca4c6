//! Services without handlers, made from declarations alone: each step answers as it is told, and all else is the
//! engine's. `ballet check --run` plays designs with them.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::own_handlers::{ABORT_ON_DEADLINE, ABORT_ON_REFUSAL};
use ballet_core::{AnyEvent, EventType, Part, Runs, SagaPart, StepKind, StepPart};
use ballet_store::calls::key::CallKey;
use ballet_store::ledger::event::EncodedEvent;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;

use crate::declare::erased::call::{AnyCall, AnyCallCompensation, CallHandlers};
use crate::declare::erased::codec::{decode_stored, encode_json};
use crate::declare::erased::local::{AnyLocal, AnyLocalCompensation, LocalHandlers};
use crate::declare::erased::others::{AbortCause, AnyOwner, KeyedCompensation};
use crate::declare::erased::outcome::{AnyCompensated, AnyOutcome, Future};
use crate::declare::erased::step::{AnyStep, Handlers};
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Item;
use crate::declare::handler::tx::Tx;
use crate::declare::participant::deadline::{Deadline, Due};
use crate::declare::participant::participant::Participant;
use crate::declare::participant::saga_entry::SagaEntry;
use crate::declare::step::bulk::BulkTx;
use crate::declare::step::row_locks::Rows;

/// The field of an event that tells repetitions apart.
pub const KEY: &str = "key";
/// Whoever plays a design may take his time.
const CALL_TIME: Duration = Duration::from_secs(60 * 60);

/// A step, or its compensation, that asks for its answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    /// The service.
    pub service: &'static str,
    /// The step.
    pub step: &'static str,
    /// The repetition of the step; empty for one that runs once.
    pub key: String,
    /// Whether it is the compensation.
    pub undo: bool,
}

/// What a step says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it refuses.
    pub refuses: bool,
    /// The event that it publishes, as JSON.
    pub body: String,
}

/// Answers for all steps. One that calls outside waits for it, between two transactions.
pub type Answers = Arc<dyn Fn(Asked) -> BoxFuture<'static, Answer> + Send + Sync>;

/// Makes the service of these declarations. It takes part in sagas, and follows no other event.
#[must_use]
pub fn participant(part: &Part, answers: &Answers) -> Participant {
    let mut participant = Participant::new(part.service);
    let entry = |saga: &SagaPart| entry(part.service, saga, answers);
    participant.sagas = part.sagas.iter().map(entry).collect();
    participant.publishes.clone_from(&part.publishes);
    participant
}

fn entry(service: &'static str, saga: &SagaPart, answers: &Answers) -> SagaEntry {
    let is_request = |step: &&StepPart| step.kind == StepKind::Origin && step.on.is_empty();
    let (origins, steps): (Vec<_>, Vec<_>) = saga.steps.iter().partition(is_request);
    let step = |part: &&StepPart| {
        let answers = Arc::clone(answers);
        Arc::new(StandIn { service, part: (*part).clone(), answers }.step())
    };
    let abort = |event, handler| abort_cause(handler, event, saga.abort);
    let undoes = |step: &&StepPart| {
        let name = step.name;
        let undo = step.compensated_by.iter().map(move |event| keyed_compensation(name, *event));
        undo.map(Arc::new).collect::<Vec<_>>()
    };
    SagaEntry {
        saga: saga.saga,
        owner_service: saga.owner,
        abort: saga.abort,
        origins: origins.into_iter().cloned().collect(),
        owner: (saga.owner == service).then(|| Arc::new(NoRows) as Arc<dyn AnyOwner>),
        refusals: (saga.aborts_on.iter())
            .filter_map(|event| abort(*event, ABORT_ON_REFUSAL))
            .map(Arc::new)
            .collect(),
        deadline: saga.deadline.and_then(|part| {
            let abort_cause = Arc::new(abort(part.passed, ABORT_ON_DEADLINE)?);
            let passed = move |_: Due| Ok(event(part.passed, "{}".to_owned()));
            Some(Deadline { part, passed_event: Arc::new(passed), abort_cause })
        }),
        is_deadline_set_twice: false,
        begins: saga.begins,
        keyed_compensations: steps.iter().flat_map(undoes).collect(),
        steps: steps.iter().map(step).collect(),
        events: Vec::new(),
    }
}

fn abort_cause(
    handler: &'static str,
    event_type: EventType,
    abort: Option<EventType>,
) -> Option<AbortCause> {
    let abort = abort?;
    let abort_event = Box::new(move |_: AnyEvent| Ok(event(abort, "{}".to_owned())));
    Some(AbortCause { handler, event_type, decode, abort_event })
}

fn keyed_compensation(step: &'static str, event_type: EventType) -> KeyedCompensation {
    let key = Box::new(|event: AnyEvent| Ok(key_of(&event).unwrap_or_default()));
    KeyedCompensation { step, event_type, decode, key }
}

fn decode(body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
    ballet_core::json::from_slice::<Value>(body).map(|body| Box::new(body) as AnyEvent)
}

fn key_of(event: &AnyEvent) -> Option<String> {
    event.downcast_ref::<Value>().and_then(key_in)
}

fn key_in(body: &Value) -> Option<String> {
    Some(body.get(KEY)?.as_str()?.to_owned())
}

fn event(event_type: EventType, body: String) -> EncodedEvent {
    EncodedEvent { event_type, body: body.into() }
}

/// An owner without rows of its own.
struct NoRows;

impl AnyOwner for NoRows {
    fn abort<'a>(&'a self, _: Tx<'a>, _: &'a [u8]) -> Future<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

struct StandIn {
    service: &'static str,
    part: StepPart,
    answers: Answers,
}

impl StandIn {
    fn step(self) -> AnyStep {
        let (part, step) = (self.part.clone(), Arc::new(self));
        let is_undone = part.kind.can_be_compensated();
        let handlers = if part.runs == Runs::Here {
            let own = Arc::clone(&step);
            let compensation = is_undone.then_some(own as Arc<dyn AnyLocalCompensation>);
            Handlers::Local(LocalHandlers { together: false, step, compensation })
        } else {
            let own = Arc::clone(&step);
            let compensation = is_undone.then_some(own as Arc<dyn AnyCallCompensation>);
            Handlers::Call(CallHandlers { name: part.name, step, compensation })
        };
        AnyStep::untyped(part, |_, body| decode(body), key_of, handlers)
    }

    async fn ask(&self, key: String, undo: bool) -> Answer {
        let asked = Asked { service: self.service, step: self.part.name, key, undo };
        (self.answers)(asked).await
    }

    fn outcome(&self, Answer { refuses, body }: Answer) -> AnyOutcome {
        let StepPart { done, refused, .. } = self.part;
        match refuses {
            // One that cannot refuse is given up only in an aborted saga, which publishes nothing.
            true => AnyOutcome::Refused(event(refused.unwrap_or(done), body)),
            false => AnyOutcome::Done(event(done, body)),
        }
    }

    fn compensated(&self, answer: Answer) -> AnyCompensated {
        let undone = self.part.compensated.map(|undone| event(undone, answer.body));
        undone.map_or(AnyCompensated::Silently, AnyCompensated::With)
    }
}

/// A join runs once.
fn key_of_all(events: &[AnyEvent]) -> String {
    match events {
        [only] => key_of(only).unwrap_or_default(),
        _ => String::new(),
    }
}

fn key_of_outcome(done: &str) -> String {
    let body = serde_json::from_str(done).unwrap_or(Value::Null);
    key_in(&body).unwrap_or_default()
}

impl AnyLocal for StandIn {
    fn run<'a>(&'a self, _: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome> {
        let key = key_of_all(&events);
        Box::pin(async move { Ok(self.outcome(self.ask(key, false).await)) })
    }

    fn run_all<'a>(
        &'a self,
        _: BulkTx<'a>,
        items: Vec<Item<AnyEvent>>,
    ) -> Future<'a, Vec<AnyOutcome>> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(items.len());
            for item in items {
                let key = key_of(&item.event).unwrap_or_default();
                outcomes.push(self.outcome(self.ask(key, false).await));
            }
            Ok(outcomes)
        })
    }

    fn touches<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _: Vec<Item<&'a AnyEvent>>,
    ) -> Future<'a, Rows> {
        Box::pin(async { Ok(Rows::none()) })
    }
}

impl AnyLocalCompensation for StandIn {
    fn compensate_all<'a>(
        &'a self,
        _: BulkTx<'a>,
        done: Vec<Item<String>>,
    ) -> Future<'a, Vec<AnyCompensated>> {
        Box::pin(async move {
            let mut all = Vec::with_capacity(done.len());
            for item in done {
                all.push(self.compensated(self.ask(key_of_outcome(&item.event), true).await));
            }
            Ok(all)
        })
    }

    fn touches<'a>(&'a self, _: &'a mut PgConnection, _: Vec<Item<String>>) -> Future<'a, Rows> {
        Box::pin(async { Ok(Rows::none()) })
    }
}

impl StandIn {
    async fn called(&self, key: &str, undo: bool) -> Result<String, Failure> {
        let key = decode_stored(self.part.name, "request", key)?;
        encode_json(self.part.name, &self.ask(key, undo).await)
    }
}

impl AnyCall for StandIn {
    fn request<'a>(&'a self, _: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome> {
        let key = key_of_all(&events);
        Box::pin(async move { Ok(AnyOutcome::Call(encode_json(self.part.name, &key)?)) })
    }

    fn call<'a>(&'a self, _: CallKey, request: &'a str) -> Future<'a, String> {
        Box::pin(self.called(request, false))
    }

    fn answered<'a>(&'a self, _: Tx<'a>, _: &'a str, answer: &'a str) -> Future<'a, AnyOutcome> {
        Box::pin(async move { Ok(self.outcome(decode_stored(self.part.name, "answer", answer)?)) })
    }

    fn misfit(&self, _: &str) -> Option<(String, String)> {
        None
    }

    fn call_time(&self) -> Duration {
        CALL_TIME
    }
}

impl AnyCallCompensation for StandIn {
    fn request<'a>(&'a self, _: Tx<'a>, done: &'a str) -> Future<'a, AnyCompensated> {
        Box::pin(async move {
            Ok(AnyCompensated::Call(encode_json(self.part.name, &key_of_outcome(done))?))
        })
    }

    fn call<'a>(&'a self, _: CallKey, request: &'a str) -> Future<'a, String> {
        Box::pin(self.called(request, true))
    }

    fn answered<'a>(
        &'a self,
        _: Tx<'a>,
        _: &'a str,
        answer: &'a str,
    ) -> Future<'a, AnyCompensated> {
        Box::pin(
            async move { Ok(self.compensated(decode_stored(self.part.name, "answer", answer)?)) },
        )
    }

    fn misfit(&self, _: &str) -> Option<(String, String)> {
        None
    }
}
