//! The suite for steps finds the faults of a step, and none in a correct one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ballet::bulk::{BulkCompensateResult, BulkResult, BulkTx, Item};
use ballet::calls::{CallKey, CallStep, CallStepResult, RequestResult, call};
use ballet::{
    Compensate, CompensateResult, Compensated, Failure, Migration, Never, Participant, Saga,
    Service, Step, StepResult, Tx, compensated, done, refused,
};
use ballet_testkit::suite::{Outside, StepCase, StepSuite, published};
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;

use crate::wish::{Cancelled, Wish};

ballet_testkit::events! {
    Wanted = "desk.wanted.v1" { wish: String }
    Held = "shelf.held.v1" { wish: String }
    Short = "shelf.short.v1" { wish: String }
    Freed = "shelf.freed.v1" { wish: String }
    Posted = "shelf.posted.v1" { wish: String }
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_shelf",
    sql: "create table held (saga_id text not null); create table letter (saga_id text not null)",
}];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// It frees nothing.
    Keeps,
    /// It writes before it refuses, past the transaction that is rolled back.
    LeavesTraces,
    /// It writes through a connection of its own, which no rollback reaches.
    WritesPastTheTransaction,
    /// It posts another letter each time it is asked.
    ForgetsKeys,
    /// It is a correct bulk step.
    Bulk,
    /// It is a bulk step that gives one message the outcome of another.
    MixesUp,
}

#[derive(Debug, Clone)]
struct Hold {
    fault: Fault,
    url: String,
    /// Kept open, so that its batch takes no longer than others.
    aside: Arc<Mutex<Option<PgConnection>>>,
}

impl Step for Hold {
    const NAME: &'static str = "hold";
    type On = Wanted;
    type Done = Held;
    type Refused = Short;

    async fn run(&self, tx: &mut Tx<'_>, Wanted { wish }: Wanted) -> StepResult<Self> {
        let saga = tx.saga_id().map(|saga| saga.to_string());
        let insert = sqlx::query("insert into held values ($1)").bind(saga);
        match wish.as_str() {
            "moon" if self.fault == Fault::LeavesTraces => {
                insert.execute(&mut PgConnection::connect(&self.url).await?).await?;
                refused(Short { wish })
            }
            "moon" => refused(Short { wish }),
            "trouble" => Err(Failure::permanent("no such shelf").into()),
            _ if self.fault == Fault::WritesPastTheTransaction => {
                let mut aside = self.aside.lock().await;
                let session = match aside.take() {
                    Some(session) => session,
                    None => PgConnection::connect(&self.url).await?,
                };
                insert.execute(aside.insert(session)).await?;
                done(Held { wish })
            }
            _ => {
                insert.execute(tx.db()).await?;
                done(Held { wish })
            }
        }
    }
}

impl Compensate for Hold {
    type Compensated = Freed;

    async fn compensate(&self, tx: &mut Tx<'_>, Held { wish }: Held) -> CompensateResult<Self> {
        let saga = tx.saga_id().map(|saga| saga.to_string());
        if self.fault != Fault::Keeps {
            sqlx::query("delete from held where saga_id = $1").bind(saga).execute(tx.db()).await?;
        }
        compensated(Freed { wish })
    }
}

#[derive(Debug)]
struct HoldAll(Hold);

impl Step for HoldAll {
    const NAME: &'static str = "hold";
    const TOGETHER: bool = true;
    type On = Wanted;
    type Done = Held;
    type Refused = Short;

    async fn run_all(&self, tx: &mut BulkTx<'_>, wanted: Vec<Item<Wanted>>) -> BulkResult<Self> {
        if wanted.iter().any(|one| one.wish == "trouble") {
            return Err(Failure::permanent("no such shelf"));
        }
        let held = wanted.iter().filter(|one| one.wish != "moon");
        sqlx::query("insert into held select * from unnest($1::text[])")
            .bind(held.map(|one| one.saga_id.to_string()).collect::<Vec<_>>())
            .execute(tx.db())
            .await?;
        let mut outcomes: Vec<_> = wanted
            .into_iter()
            .map(|Item { event: Wanted { wish }, .. }| match wish.as_str() {
                "moon" => Err(Short { wish }),
                _ => Ok(Held { wish }),
            })
            .collect();
        if self.0.fault == Fault::MixesUp {
            outcomes.reverse();
        }
        Ok(outcomes)
    }
}

impl Compensate for HoldAll {
    type Compensated = Freed;

    async fn compensate_all(
        &self,
        tx: &mut BulkTx<'_>,
        held: Vec<Item<Held>>,
    ) -> BulkCompensateResult<Self> {
        sqlx::query("delete from held where saga_id = any($1)")
            .bind(held.iter().map(|one| one.saga_id.to_string()).collect::<Vec<_>>())
            .execute(tx.db())
            .await?;
        let freed = |held: Item<Held>| Compensated::With(Freed { wish: held.event.wish });
        Ok(held.into_iter().map(freed).collect())
    }
}

#[derive(Debug)]
struct Post {
    hold: Hold,
    outside: Outside,
}

impl CallStep for Post {
    const NAME: &'static str = "post";
    type On = Cancelled;
    type Done = Posted;
    type Refused = Never;
    type Request = String;
    type Answer = ();

    async fn request(&self, _: &mut Tx<'_>, Cancelled { wish }: Cancelled) -> RequestResult<Self> {
        call(wish)
    }

    async fn call(&self, key: CallKey, _: &String) -> Result<(), Failure> {
        let posting = async {
            let mut db = PgConnection::connect(&self.hold.url).await?;
            let known: Vec<String> =
                sqlx::query_scalar("select saga_id from letter").fetch_all(&mut db).await?;
            if self.hold.fault == Fault::ForgetsKeys || !known.contains(&key.to_string()) {
                let insert = sqlx::query("insert into letter values ($1)").bind(key.to_string());
                insert.execute(&mut db).await?;
            }
            Ok(())
        };
        let lost = || Err(Failure::transient("lost on the way"));
        self.outside.ask(key, posting).await.unwrap_or_else(lost)
    }

    async fn answered(&self, _: &mut Tx<'_>, wish: String, (): ()) -> CallStepResult<Self> {
        done(Posted { wish })
    }
}

fn shelf(hold: Hold) -> Participant {
    Participant::new("shelf").saga::<Wish>(|saga| match hold.fault {
        Fault::Bulk | Fault::MixesUp => saga.compensatable(HoldAll(hold)),
        _ => saga.compensatable(hold),
    })
}

/// The service joins the saga only through its letters, so the event that aborts the others triggers it.
fn post(hold: Hold, outside: Outside) -> Participant {
    struct Letters;
    impl Saga for Letters {
        const NAME: &'static str = "letters";
        const OWNER: &'static str = "desk";
        type Abort = Never;
    }
    Participant::new("shelf").saga::<Letters>(|saga| saga.retriable(Post { hold, outside }))
}

/// Returns the suite's report; empty if the shelf passes.
fn said_of(fault: Fault) -> String {
    let hold = move |url: String| Hold { fault, url, aside: Arc::default() };
    let url = |settings: &ballet::Settings| settings.database_url().expect("a database");
    let wanted = |wish: &'static str| move |_| vec![published(&Wanted { wish: wish.to_owned() })];
    let cancelled = |_| vec![published(&Cancelled { wish: "cup".to_owned() })];
    let check = || {
        if fault == Fault::ForgetsKeys {
            let part = post(hold(String::new()), Outside::default());
            StepSuite::new(&part, move |settings, outside| {
                Service::new(post(hold(url(settings)), outside.clone())).migrations(TABLES)
            })
            .effects("letter", "select * from letter")
            .check("post", StepCase::done_by(cancelled));
            return;
        }
        StepSuite::new(&shelf(hold(String::new())), move |settings, _| {
            Service::new(shelf(hold(url(settings)))).migrations(TABLES)
        })
        .check(
            "hold",
            StepCase::done_by(wanted("cup"))
                .refused_by(wanted("moon"))
                .aborted_by(cancelled)
                .failing_on(|_| String::new(), wanted("trouble")),
        );
    };
    let panic = match catch_unwind(AssertUnwindSafe(check)) {
        Ok(()) => return String::new(),
        Err(panic) => panic,
    };
    panic.downcast_ref::<String>().cloned().expect("words")
}

#[test]
fn the_suite_has_nothing_to_say_about_a_good_step() {
    assert_eq!(said_of(Fault::None), "");
}

#[test]
fn the_suite_has_nothing_to_say_about_a_good_bulk_step() {
    assert_eq!(said_of(Fault::Bulk), "");
}

#[test]
fn the_suite_finds_outcomes_that_a_bulk_step_mixes_up() {
    let said = said_of(Fault::MixesUp);
    assert!(
        said.contains("many at once, as one by one: it differs from the undisturbed run"),
        "{said}"
    );
}

#[test]
fn the_suite_finds_what_an_undo_or_a_refusal_leaves() {
    let said = said_of(Fault::Keeps);
    assert!(said.contains("the undo does not take everything back"), "{said}");
    let said = said_of(Fault::LeavesTraces);
    assert!(said.contains("the refusal is not without effects"), "{said}");
}

#[test]
fn the_suite_finds_what_happens_twice() {
    // On a busy machine a batch may time out before the failing handler gets its turn.
    let words = "a failing handler among good ones: it differs from the undisturbed run";
    let mut said = String::new();
    for _ in 0..5 {
        said = said_of(Fault::WritesPastTheTransaction);
        if said.contains(words) {
            break;
        }
    }
    assert!(said.contains(words), "{said}");
    let said = said_of(Fault::ForgetsKeys);
    for check in ["asked again after a lost answer", "crash with the answer on its way"] {
        assert!(said.contains(&format!("{check}: it differs from the undisturbed run")), "{said}");
    }
}

#[test]
fn a_step_without_a_case_is_named() {
    let suite = StepSuite::new(
        &shelf(Hold { fault: Fault::None, url: String::new(), aside: Arc::default() }),
        |_, _| unreachable!("nothing is started"),
    );
    suite.covers(&["hold"]);
    let panic = catch_unwind(AssertUnwindSafe(|| suite.covers(&[]))).expect_err("not covered");
    let said = panic.downcast_ref::<String>().expect("words");
    assert!(said.starts_with("shelf declares steps that the suite does not try: hold"), "{said}");
}
