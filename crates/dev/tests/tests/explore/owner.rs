//! The owner: of a refusal, the pivot's outcome, a cancel and the deadline, the first that it commits wins.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::Instant;

use ballet::{Abort, Clock, Failure, SagaId};
use ballet_stage::wait_until;
use ballet_store::operators::restored_database::hold_aborts;
use ballet_testkit::explore::orders;
use futures_util::stream::{self, StreamExt};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::outside::SaleProvider;
use crate::owner_judge::OwnerInput::{
    self, Again, Begin, Cancel, Deadline, DeadlineCopy, Pivot, PivotCopy, Post, Praise, Refusal,
    RefusalCopy, Request, Seal,
};
use crate::owner_judge::{OwnerCase, after_a_restore, beginning};
use crate::sale::{
    Cancelled, Captured, NotCaptured, Overdue, Posted, Praised, Requested, Sale, Wanted,
};
use crate::sales::{NOBODY, SALES_TABLES, SealWanted, WarrantyWanted, place, sales};
use crate::stage::{ExploreStage, LONG, report};

struct OwnerRun {
    saga: SagaId,
    order: Vec<OwnerInput>,
    ids: BTreeMap<OwnerInput, Uuid>,
}

struct OwnerExploration {
    stage: ExploreStage,
    runs: Vec<OwnerRun>,
    answers: Mutex<HashMap<Uuid, Abort>>,
    refused: Mutex<HashMap<Uuid, BTreeSet<OwnerInput>>>,
    due: Mutex<Vec<Uuid>>,
    one_by_one: bool,
    /// Whether aborts, and messages without a saga, wait until all else has come.
    is_restored: bool,
}

impl OwnerExploration {
    async fn new(test: &str) -> Self {
        let stage = ExploreStage::new(test, sales(), SALES_TABLES, SaleProvider::new()).await;
        let (answers, refused, due) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (one_by_one, is_restored) = (true, false);
        Self { stage, runs: Vec::new(), answers, refused, due, one_by_one, is_restored }
    }

    fn every_order_of(&mut self, things: &[OwnerInput]) {
        for order in orders(things) {
            let ids = order.iter().map(|thing| (*thing, self.stage.new_id())).collect();
            self.runs.push(OwnerRun { saga: self.stage.new_saga(), order, ids });
        }
    }

    async fn begin(&self) {
        for run in &self.runs {
            self.stage.put(self.stage.new_id(), run.saga, &WarrantyWanted {});
            if beginning(&run.order).is_none() {
                self.stage.put(self.stage.new_id(), run.saga, &Wanted {});
            }
        }
        self.stage.settle().await;
    }

    async fn cancel(&self, saga: SagaId) -> Result<(), Failure> {
        let mut unit = self.stage.handle(0).saga_unit(saga).await?;
        let abort = unit.abort::<Sale>(Cancelled { reason: "request".into() }).await?;
        unit.commit().await?;
        self.answers.lock().expect("not poisoned").insert(saga.0, abort);
        Ok(())
    }

    async fn originate(&self, saga: SagaId) -> Result<(), Failure> {
        let mut unit = self.stage.handle(0).saga_unit(saga).await?;
        unit.originate(Requested {}).await?;
        place(&mut unit.tx()).await?;
        unit.commit().await
    }

    async fn request(&self, saga: SagaId, thing: OwnerInput) {
        let answer = match thing {
            Request => self.originate(saga).await,
            _ => self.cancel(saga).await,
        };
        if answer.is_err() {
            let mut refused = self.refused.lock().expect("not poisoned");
            refused.entry(saga.0).or_default().insert(thing);
        }
    }

    async fn step(&self, at: usize) {
        let (mut requests, mut due) = (Vec::new(), Vec::new());
        for run in &self.runs {
            let Some(&thing) = run.order.get(at) else { continue };
            let (stage, saga, id) = (&self.stage, run.saga, run.ids[&thing]);
            match thing {
                Begin | Again => stage.put(id, saga, &Wanted {}),
                Post(by) => stage.put(id, saga, &Posted { by: by.to_owned() }),
                Refusal | RefusalCopy => stage.put(id, saga, &NotCaptured {}),
                Pivot => stage.put(id, saga, &Captured { part: 1 }),
                PivotCopy => stage.put(id, saga, &Captured { part: 2 }),
                Deadline if beginning(&run.order).is_none_or(|begun| begun < at) => {
                    due.push(saga.0);
                }
                // There is no deadline before the beginning.
                Deadline => {}
                DeadlineCopy => stage.put(id, saga, &Overdue {}),
                Praise => stage.put(id, saga, &Praised {}),
                Seal => stage.put(id, saga, &SealWanted {}),
                Cancel | Request => requests.push((saga, thing)),
            }
        }
        if !due.is_empty() {
            let over = "update ballet.deadline set due_at = now() \
                        where saga = 'sale' and saga_id = any($1)";
            sqlx::query(over).bind(&due).execute(&self.stage.db).await.expect("an answer");
            self.due.lock().expect("not poisoned").extend(due);
        }
        stream::iter(requests)
            .for_each_concurrent(4, async |(saga, thing)| self.request(saga, thing).await)
            .await;
    }

    async fn due_are_told(&self) {
        self.stage.until_count("ballet.deadline where due_at <= now()", 0).await;
    }

    async fn due_are_decided(&self) {
        let due = self.due.lock().expect("not poisoned").clone();
        wait_until("decided sagas", LONG, || async {
            let open = "select count(*) from unnest($1::uuid[]) as due (saga_id) where not exists \
                 (select from ballet.ledger l where l.saga_id = due.saga_id \
                 and (l.step = 'confirm' or l.entry = 'aborted'))";
            let open = sqlx::query_as(open).bind(&due).fetch_one(&self.stage.db).await;
            let (open,): (i64,) = open.map_err(|error| error.to_string())?;
            if open == 0 { Ok(Some(())) } else { Err(format!("{open} are open")) }
        })
        .await
        .expect("decided sagas");
        self.stage.settle().await;
    }

    fn longest(&self) -> usize {
        self.runs.iter().map(|run| run.order.len()).max().unwrap_or_default()
    }

    async fn act_out(&self) {
        self.begin().await;
        for at in 0..self.longest() {
            self.step(at).await;
            self.due_are_told().await;
            self.stage.settle().await;
            self.due_are_decided().await;
        }
    }

    async fn judge(&self, what: &str, began: Instant) {
        self.due_are_told().await;
        self.due_are_decided().await;
        self.stage.publish_all().await;
        let deadlines: Vec<(Uuid, String)> =
            sqlx::query_as("select saga_id, saga from ballet.deadline")
                .fetch_all(&self.stage.db)
                .await
                .expect("deadlines");
        let mut open: HashMap<Uuid, BTreeSet<String>> = HashMap::new();
        for (saga_id, saga) in deadlines {
            open.entry(saga_id).or_default().insert(saga);
        }
        let facts = self.stage.facts().await;
        let rows: Vec<(Uuid, String, Vec<String>, i64, i64)> = sqlx::query_as(
            "select saga_id, state, array(select e.state from ending e where e.saga_id = s.saga_id), \
             (select count(*) from gift g where g.saga_id = s.saga_id), \
             (select count(*) from gift g where g.saga_id = s.saga_id and g.taken_back) from sale s",
        )
        .fetch_all(&self.stage.db)
        .await
        .expect("sales");
        let rows: HashMap<Uuid, _> = rows.into_iter().map(|row| (row.0, row)).collect();
        let answers = self.answers.lock().expect("not poisoned").clone();
        let refused = self.refused.lock().expect("not poisoned").clone();
        let mut wrong = Vec::new();
        for run in &self.runs {
            let facts = &facts[&run.saga.0];
            let (_, state, endings, gifts, taken_back) = &rows[&run.saga.0];
            let order =
                if self.is_restored { after_a_restore(&run.order) } else { run.order.clone() };
            let case = OwnerCase {
                order: &order,
                one_by_one: self.one_by_one,
                is_restored: self.is_restored,
                facts,
                state,
                endings,
                gifts: *gifts,
                taken_back: *taken_back,
                answer: answers.get(&run.saga.0).copied(),
                refused: refused.get(&run.saga.0).cloned().unwrap_or_default(),
                deadlines: open.get(&run.saga.0).cloned().unwrap_or_default(),
            };
            if let Err(why) = case.judge() {
                wrong.push(format!("{:?}: {why}; {state}, {endings:?}\n    {facts:?}", run.order));
            }
        }
        report(what, began, self.runs.len(), &wrong);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_at_the_owner() {
    let began = Instant::now();
    let mut all = OwnerExploration::new("owner").await;
    all.stage.start(1).await;
    all.every_order_of(&[Refusal, Refusal, RefusalCopy, Pivot, Cancel, Praise]);
    all.every_order_of(&[Again, Refusal, Pivot, PivotCopy, Cancel, Praise]);
    all.every_order_of(&[Deadline, DeadlineCopy, Refusal, Pivot, Cancel, Praise]);
    all.every_order_of(&[Deadline, Refusal, Pivot, Cancel, Seal]);
    all.every_order_of(&[Begin, Deadline, Refusal, Pivot, Cancel, Praise]);
    all.every_order_of(&[Begin, Post("ann"), Post("bob"), Request, Refusal]);
    all.every_order_of(&[Begin, Post(NOBODY), Request, Pivot, Cancel]);
    all.act_out().await;
    all.judge("the owner, one by one", began).await;
}

/// The owner may have forgotten the beginning and its decision.
#[tokio::test(flavor = "multi_thread")]
async fn t130_every_order_at_an_owner_that_was_restored() {
    let began = Instant::now();
    let mut all = OwnerExploration::new("owner_restored").await;
    all.is_restored = true;
    all.stage.start(1).await;
    let mut db = all.stage.connect().await;
    hold_aborts(&mut db, Clock::system().now(), SignedDuration::from_hours(1)).await.expect("held");
    all.every_order_of(&[Begin, Refusal, Pivot, Praise, Seal]);
    all.act_out().await;
    all.stage.end_hold_and_bring_back().await;
    all.judge("an owner that was restored", began).await;
}

/// Requests and messages of one saga race each other, on several replicas.
#[tokio::test(flavor = "multi_thread")]
async fn every_order_at_once_at_two_owners() {
    let began = Instant::now();
    let mut all = OwnerExploration::new("owners").await;
    all.stage.start(2).await;
    all.stage.start(2).await;
    all.one_by_one = false;
    all.every_order_of(&[Refusal, RefusalCopy, Pivot, PivotCopy, Cancel, Praise]);
    all.every_order_of(&[Deadline, DeadlineCopy, Refusal, Pivot, Cancel, Praise]);
    all.begin().await;
    for at in 0..all.longest() {
        all.step(at).await;
    }
    all.judge("two owners at once", began).await;
}
