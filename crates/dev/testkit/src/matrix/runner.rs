//! One step, projection or compensation in a session: its end, and its statements.

use std::fmt;
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use ballet::lone::{LoneEnd, LoneSteps};
use ballet::{Clock, Failure, FailureKind, SagaId};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::{Executor, PgConnection};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer};

pub(super) type Result<T> = std::result::Result<T, sqlx::Error>;

/// What runs, and what ran before at a place. Of the answers to a request the first counts with which it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    /// A step or a projection. Without answers it ends with its request.
    Run { name: &'static str, bodies: Vec<String>, answers: Vec<String> },
    /// The answer to the step's request.
    Answer { name: &'static str, of: usize, answers: Vec<String> },
    /// The compensation, on the step's outcome.
    Undo { name: &'static str, of: usize, answers: Vec<String> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Done(String),
    Refused(String),
    /// It waits for an answer to this request, or for rows.
    Calls(String),
    /// `later` says that it is tried again.
    Failed {
        why: String,
        later: bool,
    },
}

impl End {
    fn of((end, published): (LoneEnd, Vec<String>)) -> Self {
        match end {
            LoneEnd::Done(body) => Self::Done([vec![body], published].concat().join(" ")),
            LoneEnd::Refused(body) => Self::Refused(body),
            LoneEnd::Calls(request) => Self::Calls(request),
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(body) => write!(f, "done {body}"),
            Self::Refused(body) => write!(f, "refused {body}"),
            Self::Calls(_) => f.write_str("still waits"),
            Self::Failed { why, .. } => write!(f, "fails: {why}"),
        }
    }
}

#[derive(Clone)]
pub(super) struct Runner {
    pub(super) steps: LoneSteps,
    pub(super) now: Timestamp,
    pub(super) statements: Statements,
}

/// The ends so far, each with its statements.
type Before = [(End, Vec<String>)];

impl Runner {
    pub(super) async fn all(
        &self,
        db: &mut PgConnection,
        work: &[(Work, SagaId)],
    ) -> Result<Vec<(End, Vec<String>)>> {
        let mut ran: Vec<(End, Vec<String>)> = Vec::with_capacity(work.len());
        for one in work {
            let next = self.one(db, one, &ran).await?;
            ran.push(next);
        }
        Ok(ran)
    }

    pub(super) async fn one(
        &self,
        db: &mut PgConnection,
        (work, saga): &(Work, SagaId),
        before: &Before,
    ) -> Result<(End, Vec<String>)> {
        db.execute("savepoint lone").await?;
        self.statements.take();
        let (ran, calls) = match self.begun(db, work, *saga, before).await {
            Ok(End::Calls(request)) => (self.answered(db, work, *saga, request).await?, true),
            other => (other, false),
        };
        let mut statements = self.statements.take();
        statements.retain(|statement| !statement.ends_with("savepoint answer"));
        let end = ran.unwrap_or_else(|failure| {
            let later = failure.kind() != FailureKind::Permanent;
            End::Failed { why: failure.to_string(), later }
        });
        // What a step wrote with its request stays if the answer is a refusal.
        if matches!(end, End::Failed { .. }) || (matches!(end, End::Refused(_)) && !calls) {
            db.execute("rollback to savepoint lone").await?;
        }
        Ok((end, statements))
    }

    async fn begun(
        &self,
        db: &mut PgConnection,
        work: &Work,
        saga: SagaId,
        before: &Before,
    ) -> std::result::Result<End, Failure> {
        let clock = self.clock(saga, false);
        match work {
            Work::Run { name, bodies, .. } => {
                Ok(End::of(Box::pin(self.steps.run(db, &clock, (*name, saga), bodies)).await?))
            }
            Work::Answer { of, .. } => {
                let end = before.get(*of).map(|(end, _)| end.clone());
                Ok(end.unwrap_or_else(|| End::Calls(String::new())))
            }
            Work::Undo { name, of, .. } => match before.get(*of) {
                Some((End::Done(done), _)) => {
                    let done = first_json(done);
                    let undo = Box::pin(self.steps.undo(db, &clock, (*name, saga), &done));
                    Ok(End::of((undo.await?, Vec::new())))
                }
                Some(_) | None => Ok(End::Done(String::new())),
            },
        }
    }

    async fn answered(
        &self,
        db: &mut PgConnection,
        work: &Work,
        saga: SagaId,
        request: String,
    ) -> Result<std::result::Result<End, Failure>> {
        let (Work::Run { name, answers, .. }
        | Work::Answer { name, answers, .. }
        | Work::Undo { name, answers, .. }) = work;
        let (clock, undo) = (self.clock(saga, true), matches!(work, Work::Undo { .. }));
        let mut last = Ok(End::Calls(request.clone()));
        for answer in answers {
            db.execute("savepoint answer").await?;
            let step = (*name, saga, undo);
            let answered = self.steps.answered(db, &clock, step, (&request, answer));
            last = Box::pin(answered).await.map(End::of);
            if matches!(last, Ok(End::Done(_))) {
                break;
            }
            db.execute("rollback to savepoint answer").await?;
        }
        Ok(last)
    }

    /// The same ids in each run, and others for each saga, and for the answer.
    fn clock(&self, SagaId(saga): SagaId, answer: bool) -> Clock {
        Clock::standing(self.now, saga.as_u64_pair().1 ^ u64::from(answer))
    }
}

/// The outcome is followed by what was published besides.
fn first_json(text: &str) -> String {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    values.next().and_then(std::result::Result::ok).unwrap_or_default().to_string()
}

/// The statements that sqlx runs on this thread.
#[derive(Debug, Clone, Default)]
pub(super) struct Statements(Arc<Mutex<Vec<String>>>);

impl Statements {
    fn take(&self) -> Vec<String> {
        take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            let mut text = StatementText::default();
            event.record(&mut text);
            let text = if text.whole.trim().is_empty() { text.summary } else { text.whole };
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
    }
}

#[derive(Default)]
struct StatementText {
    summary: String,
    whole: String,
}

impl Visit for StatementText {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
