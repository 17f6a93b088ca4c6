//! The owner: of a refusal, the pivot's outcome, a cancel and the deadline, the one that it commits
//! first wins.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use ballet::{Abort, Event, Failure, SagaId};
use ballet_stage::wait_until;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use uuid::Uuid;

use crate::orders::orders;
use crate::outside::SaleProvider;
use crate::sale::{
    Cancelled, Captured, Confirmed, Gifted, NotCaptured, Overdue, Placed, Praised, Sale, Ungifted,
    Wanted,
};
use crate::sales::{SALES_TABLES, sales};
use crate::stage::{Databases, DeathPoint, ExploreStage, LONG, SagaFacts, databases};

/// The things that can reach the owner once a sale has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum OwnerInput {
    /// The beginning once more, under another id.
    Again,
    Refusal,
    RefusalCopy,
    Pivot,
    PivotCopy,
    /// By a request, not by a message.
    Cancel,
    /// The time is over.
    Deadline,
    /// The owner's word to itself that it is, once more under another id, or without it.
    DeadlineCopy,
    /// The trigger of the owner's own step.
    Praise,
}
use OwnerInput::{
    Again, Cancel, Deadline, DeadlineCopy, Pivot, PivotCopy, Praise, Refusal, RefusalCopy,
};

struct OwnerRun {
    saga: SagaId,
    order: Vec<OwnerInput>,
    ids: BTreeMap<OwnerInput, Uuid>,
}

struct OwnerExploration {
    stage: ExploreStage,
    runs: Vec<OwnerRun>,
    answers: Mutex<HashMap<Uuid, Abort>>,
    /// Sagas whose time is over.
    due: Mutex<Vec<Uuid>>,
    one_by_one: bool,
}

impl OwnerExploration {
    fn new(databases: &Arc<Databases>, name: &str) -> Self {
        let stage = ExploreStage::new(databases, name, sales(), SALES_TABLES, SaleProvider::new());
        let (answers, due) = (Mutex::default(), Mutex::default());
        Self { stage, runs: Vec::new(), answers, due, one_by_one: true }
    }

    fn every_order_of(&mut self, things: &[OwnerInput]) {
        for order in orders(things) {
            let ids = order.iter().map(|thing| (*thing, self.stage.new_id())).collect();
            self.runs.push(OwnerRun { saga: SagaId(self.stage.new_id()), order, ids });
        }
    }

    async fn begin(&self) {
        for run in &self.runs {
            self.stage.put(self.stage.new_id(), run.saga, &Wanted {});
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

    async fn step(&self, at: usize) {
        let (mut cancelled, mut due) = (Vec::new(), Vec::new());
        for run in &self.runs {
            let Some(&thing) = run.order.get(at) else { continue };
            let (stage, saga, id) = (&self.stage, run.saga, run.ids[&thing]);
            match thing {
                Again => stage.put(id, saga, &Wanted {}),
                Refusal | RefusalCopy => stage.put(id, saga, &NotCaptured {}),
                Pivot | PivotCopy => stage.put(id, saga, &Captured {}),
                Deadline => due.push(saga.0),
                DeadlineCopy => stage.put(id, saga, &Overdue {}),
                Praise => stage.put(id, saga, &Praised {}),
                Cancel => cancelled.push(saga),
            }
        }
        if !due.is_empty() {
            let over = "update ballet.deadline set due_at = now() where saga_id = any($1)";
            sqlx::query(over).bind(&due).execute(&self.stage.db).await.expect("an answer");
            self.due.lock().expect("not poisoned").extend(due);
        }
        stream::iter(cancelled)
            .for_each_concurrent(4, async |saga| self.cancel(saga).await.expect("an answer"))
            .await;
    }

    /// Waits until the owner has told itself of every deadline that is over.
    async fn due_are_told(&self) {
        self.stage.until("select count(*) from ballet.deadline where due_at <= now()", 0).await;
    }

    /// Waits until every saga whose time is over is decided.
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

    async fn act_out(&mut self, crash: Option<(usize, DeathPoint)>) {
        self.begin().await;
        for at in 0..self.longest() {
            let dies = crash.filter(|(after, _)| *after == at).map(|(_, dies)| dies);
            dies.inspect(|dies| self.stage.doom(*dies));
            self.step(at).await;
            self.due_are_told().await;
            self.stage.settle().await;
            if dies.is_some() {
                self.stage.crash().await;
            }
            self.due_are_decided().await;
        }
    }

    async fn judge(&self, what: &str, began: Instant) {
        self.due_are_told().await;
        self.due_are_decided().await;
        self.stage.publish_all().await;
        let left = self.stage.count("select count(*) from ballet.deadline").await;
        assert_eq!(left, 0, "deadlines of sagas that are decided");
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
        let mut wrong = Vec::new();
        for run in &self.runs {
            let facts = &facts[&run.saga.0];
            let (_, state, endings, gifts, taken_back) = &rows[&run.saga.0];
            let case = OwnerCase {
                order: &run.order,
                one_by_one: self.one_by_one,
                facts,
                state,
                endings,
                gifts: *gifts,
                taken_back: *taken_back,
                answer: answers.get(&run.saga.0).copied(),
            };
            if let Err(why) = case.judge() {
                wrong.push(format!("{:?}: {why}; {state}, {endings:?}\n    {facts:?}", run.order));
            }
        }
        let all = self.runs.len();
        eprintln!("{what}: {all} sagas in {:.1} s", began.elapsed().as_secs_f64());
        assert!(
            wrong.is_empty(),
            "{what}: {} of {all} sagas went wrong; some of them:\n{}",
            wrong.len(),
            wrong.iter().take(4).cloned().collect::<Vec<_>>().join("\n")
        );
    }
}

struct OwnerCase<'a> {
    order: &'a [OwnerInput],
    one_by_one: bool,
    facts: &'a SagaFacts,
    state: &'a str,
    endings: &'a [String],
    gifts: i64,
    taken_back: i64,
    answer: Option<Abort>,
}

impl OwnerCase<'_> {
    fn judge(&self) -> Result<(), String> {
        let confirmed = self.state == "confirmed";
        self.told::<Placed>(true)?;
        self.told::<Confirmed>(confirmed)?;
        self.told::<Cancelled>(!confirmed)?;
        check("it ends once", self.endings == [self.state])?;
        let dead = self.facts.told.keys().any(|key| key.starts_with("dead"));
        check("there are no dead letters", !dead)?;
        let cancels = self.state == "cancelled: request";
        check("the request's answer is true", cancels == (self.answer == Some(Abort::Aborted)))?;
        if confirmed {
            check("nothing is taken back", self.taken_back == 0)?;
        } else {
            check("every gift is taken back", self.taken_back == self.gifts)?;
        }
        let copies = self.order.iter().filter(|thing| **thing == DeadlineCopy).count();
        let told = self.facts.told::<Overdue>() - copies;
        check("the deadline is told once at most", told <= 1)?;
        check("there is one gift at most", self.gifts <= 1)?;
        self.told::<Gifted>(self.gifts == 1)?;
        self.told::<Ungifted>(self.taken_back == 1)?;
        if self.one_by_one { self.the_first_wins() } else { Ok(()) }
    }

    fn told<E: Event>(&self, is: bool) -> Result<(), String> {
        let told = self.facts.told::<E>();
        check(&format!("{} is told {is}, not {told} times", E::TYPE), told == usize::from(is))
    }

    fn the_first_wins(&self) -> Result<(), String> {
        let at = |things: &[OwnerInput]| self.order.iter().position(|thing| things.contains(thing));
        let end = self.order.len();
        let refusal = at(&[Refusal, RefusalCopy]).unwrap_or(end);
        let pivot = at(&[Pivot, PivotCopy]).unwrap_or(end);
        let cancel = at(&[Cancel]).unwrap_or(end);
        let deadline = at(&[Deadline, DeadlineCopy]).unwrap_or(end);
        let abort = refusal.min(cancel).min(deadline);
        let (state, answer) = if pivot < abort {
            ("confirmed", Abort::TooLate)
        } else if refusal == abort {
            ("cancelled: refused", Abort::AlreadyAborted)
        } else if deadline == abort {
            ("cancelled: deadline", Abort::AlreadyAborted)
        } else {
            ("cancelled: request", Abort::Aborted)
        };
        let over = at(&[Deadline]).is_some_and(|over| over <= pivot.min(abort));
        let copies = usize::from(at(&[DeadlineCopy]).is_some());
        let told = self.facts.told::<Overdue>() == usize::from(over) + copies;
        check("the deadline of an open saga is told, and no other", told)?;
        check(&format!("{state} came first"), self.state == state)?;
        check(
            &format!("the request's answer is {answer:?}"),
            self.answer.is_none_or(|a| a == answer),
        )?;
        let praise = at(&[Praise]).unwrap_or(end);
        let runs = state == "confirmed" || praise < abort;
        check("the own step ran before an abort", (self.gifts == 1) == runs)
    }
}

fn check(what: &str, is: bool) -> Result<(), String> {
    if is { Ok(()) } else { Err(format!("not true: {what}")) }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_at_the_owner() {
    let began = Instant::now();
    let mut all = OwnerExploration::new(&databases("owner", &["sales"]).await, "sales");
    all.stage.start(1).await;
    all.every_order_of(&[Refusal, Refusal, RefusalCopy, Pivot, PivotCopy, Cancel, Praise]);
    all.every_order_of(&[Again, Refusal, Pivot, PivotCopy, Cancel, Praise]);
    all.every_order_of(&[Deadline, DeadlineCopy, Refusal, Pivot, PivotCopy, Cancel, Praise]);
    all.act_out(None).await;
    all.judge("the owner, one by one", began).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_at_the_owner_with_a_crash_after_every_commit() {
    const STAGES: [&str; 5] = ["after_0", "after_1", "after_2", "after_3", "after_4"];
    let databases = databases("owner_crash", &STAGES).await;
    for dies in [DeathPoint::BeforePublishing, DeathPoint::BeforeConfirms] {
        let crashes = STAGES.iter().enumerate().map(async |(after, name)| {
            let began = Instant::now();
            let mut all = OwnerExploration::new(&databases, name);
            all.stage.start(1).await;
            all.every_order_of(&[Refusal, RefusalCopy, Pivot, Cancel, Praise]);
            all.every_order_of(&[Refusal, Pivot, PivotCopy, Cancel, Praise]);
            all.every_order_of(&[Deadline, Refusal, Pivot, Cancel, Praise]);
            all.every_order_of(&[Deadline, DeadlineCopy, Pivot, Cancel, Praise]);
            all.act_out(Some((after, dies))).await;
            let what = format!("the owner, a crash after thing {after}, {dies:?}");
            all.judge(&what, began).await;
        });
        join_all(crashes).await;
    }
}

/// Requests and messages of one saga race each other, on several replicas.
#[tokio::test(flavor = "multi_thread")]
async fn every_order_at_once_at_two_owners() {
    let began = Instant::now();
    let mut all = OwnerExploration::new(&databases("owners", &["sales"]).await, "sales");
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
