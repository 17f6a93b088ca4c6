//! A participant with a compensatable step and, later, the pivot.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use ballet::SagaId;
use ballet_testkit::explore::orders;
use uuid::Uuid;

use crate::judge::ParticipantCase;
use crate::orders::ParticipantInput::{
    self, Abort, AbortCopy, AnswerFirst, AnswerSecond, AnswerUndo, First, FirstCopy, Second,
    SecondCopy,
};
use crate::outside::{ProviderRequest, RefusedRequest};
use crate::sale::{Cancelled, Packed, Placed};
use crate::stage::{ExploreStage, report};

struct ParticipantRun {
    saga: SagaId,
    order: Vec<ParticipantInput>,
    no: RefusedRequest,
    ids: BTreeMap<ParticipantInput, Uuid>,
}

struct ParticipantExploration {
    stage: ExploreStage,
    runs: Vec<ParticipantRun>,
    local: bool,
    one_by_one: bool,
}

impl ParticipantExploration {
    async fn new(test: &str, is_local: bool) -> Self {
        let stage = ExploreStage::payments(test, is_local).await;
        Self { stage, runs: Vec::new(), local: is_local, one_by_one: true }
    }

    fn every_order_of(&mut self, things: &[ParticipantInput], no: RefusedRequest) {
        let held: Vec<ProviderRequest> =
            things.iter().flat_map(|thing| asks(*thing)).copied().collect();
        for order in orders(things) {
            let saga = self.stage.new_saga();
            self.stage.outside.open_account(saga.0, no, &held, self.local);
            let ids = order.iter().map(|action| (*action, self.stage.new_id())).collect();
            self.runs.push(ParticipantRun { saga, order, no, ids });
        }
    }

    fn act(&self, run: &ParticipantRun, action: ParticipantInput) {
        let (stage, id) = (&self.stage, run.ids[&action]);
        match action {
            First | FirstCopy => stage.put(id, run.saga, &Placed {}),
            Second | SecondCopy => stage.put(id, run.saga, &Packed {}),
            Abort | AbortCopy => stage.put(id, run.saga, &Cancelled { reason: "test".into() }),
            AnswerFirst | AnswerSecond | AnswerUndo => {
                stage.outside.answer(run.saga.0, asks(action));
            }
        }
    }

    async fn play(&self) {
        let act = |run: &ParticipantRun, action| self.act(run, action);
        self.stage.play(&self.runs, |run| &run.order, act, self.one_by_one).await;
    }

    async fn judge(&self, what: &str, began: Instant) {
        self.stage.outside.answer_all();
        self.stage.settle().await;
        self.stage.publish_all().await;
        let mut facts = self.stage.facts().await;
        let holds: Vec<(Uuid, i64, i64)> = sqlx::query_as(
            "select saga_id, count(*), count(*) filter (where not freed) from hold group by 1",
        )
        .fetch_all(&self.stage.db)
        .await
        .expect("holds");
        let holds: HashMap<Uuid, (i64, i64)> =
            holds.into_iter().map(|(saga, all, live)| (saga, (all, live))).collect();
        let mut wrong = Vec::new();
        for run in &self.runs {
            let facts = facts.remove(&run.saga.0).unwrap_or_default();
            let account = self.stage.outside.account(run.saga.0);
            let case = ParticipantCase {
                order: &run.order,
                local: self.local,
                one_by_one: self.one_by_one,
                account: &account,
                facts: &facts,
                holds: holds.get(&run.saga.0).copied().unwrap_or_default(),
            };
            if let Err(why) = case.judge() {
                wrong.push(format!("{:?}, no: {:?}: {why}\n    {facts:?}", run.order, run.no));
            }
        }
        report(what, began, self.runs.len(), &wrong);
    }
}

fn asks(action: ParticipantInput) -> &'static [ProviderRequest] {
    match action {
        AnswerFirst => &[ProviderRequest::Authorize],
        AnswerSecond => &[ProviderRequest::Capture],
        AnswerUndo => &[ProviderRequest::Void, ProviderRequest::Refund],
        First | FirstCopy | Second | SecondCopy | Abort | AbortCopy => &[],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_triggers_copies_abort_and_answers() {
    let began = Instant::now();
    let mut all = ParticipantExploration::new("orders", false).await;
    all.stage.start(1).await;
    for things in [
        &[First, First, Abort, Second, AnswerFirst, AnswerSecond],
        &[First, Abort, Second, AnswerFirst, AnswerSecond, AnswerUndo],
    ] {
        all.every_order_of(things, RefusedRequest::Never);
    }
    all.every_order_of(&[First, Abort, AbortCopy, AnswerFirst, AnswerUndo], RefusedRequest::Never);
    for no in [RefusedRequest::First, RefusedRequest::Second] {
        all.every_order_of(&[First, FirstCopy, Abort, Second, AnswerFirst, AnswerSecond], no);
    }
    all.play().await;
    all.judge("one by one", began).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_without_an_abort() {
    let began = Instant::now();
    let mut all = ParticipantExploration::new("no_abort", false).await;
    all.stage.start(1).await;
    for no in [RefusedRequest::Never, RefusedRequest::First, RefusedRequest::Second] {
        all.every_order_of(&[First, FirstCopy, Second, SecondCopy, AnswerFirst, AnswerSecond], no);
    }
    all.play().await;
    all.judge("without an abort", began).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_with_a_local_first_step() {
    let began = Instant::now();
    let mut all = ParticipantExploration::new("local", true).await;
    all.stage.start(1).await;
    for no in [RefusedRequest::Never, RefusedRequest::Second] {
        all.every_order_of(&[First, FirstCopy, Abort, Second, AnswerSecond, AnswerUndo], no);
    }
    all.play().await;
    all.judge("a local first step", began).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_at_once() {
    for (test, is_local) in [("at_once_calling", false), ("at_once_local", true)] {
        let began = Instant::now();
        let mut all = ParticipantExploration::new(test, is_local).await;
        all.stage.start(1).await;
        all.every_order_of(
            &[First, First, FirstCopy, Abort, Second, AnswerSecond],
            RefusedRequest::Never,
        );
        for no in [RefusedRequest::Never, RefusedRequest::First, RefusedRequest::Second] {
            // A local step asks nobody.
            let things: &[_] = match is_local {
                true => &[First, FirstCopy, Abort, Second, AnswerSecond],
                false => &[First, FirstCopy, Abort, Second, AnswerFirst, AnswerSecond],
            };
            all.every_order_of(things, no);
        }
        all.one_by_one = false;
        all.play().await;
        all.judge("at once", began).await;
    }
}
