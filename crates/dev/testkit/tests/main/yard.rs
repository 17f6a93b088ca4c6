//! The commutation matrix tries steps that call, stay open or read a copy, and judges each step alone.

use std::sync::LazyLock;
use std::time::Duration;

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call, known,
};
use ballet::core::Versioned;
use ballet::{
    Compensated, Does, Failure, Look, Migration, Never, Tx, Undoes, compensated_silently, copies,
    done, entity, event, refused,
};
use ballet_testkit::matrix::{Known, Matrix, Verdict};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sqlx::{query, query_scalar};

use crate::wish::Wish;

ballet_testkit::events! {
    Came = "desk.came.v1" { name: String, lamp_id: String }
    Weighed = "yard.weighed.v1" { name: String }
    Parked = "yard.parked.v1" { name: String }
    Full = "yard.full.v1" { name: String }
    Loaded = "yard.loaded.v1" { name: String }
    Lit = "yard.lit.v1" { watts: i64 }
    Gone = "yard.gone.v1" { name: String }
    Slept = "yard.slept.v1" { name: String }
    Picky = "yard.picky.v1" { name: String }
}

#[entity("lamp", republished = "desk.lamps_republished.v1")]
struct Lamp {
    watts: i64,
}

#[event("desk.lamp_changed.v1", carries = lamp)]
struct LampChanged {
    lamp: Versioned<Lamp>,
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_yard",
    sql: "create table scale (name text primary key, total bigint not null);
        create table asked (saga_id uuid primary key, name text not null);
        create table load (saga_id uuid primary key);
        create table note (saga_id uuid primary key, name text not null);
        create table gate (saga_id uuid primary key, is_open boolean not null)",
}];

/// It calls with what it has read, and sets the answer.
struct Weigh;

#[derive(Debug, Serialize, Deserialize)]
struct Scale {
    name: String,
    total: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
enum Place {
    No { reason: String },
    Free { number: i64 },
}

impl CallStep for Weigh {
    const NAME: &'static str = "weigh";
    type On = Came;
    type Done = Weighed;
    type Refused = Never;
    type Request = Scale;
    type Answer = ();

    async fn request(&self, tx: &mut Tx<'_>, Came { name, .. }: Came) -> RequestResult<Self> {
        let read = query_scalar("select total from scale where name = $1").bind(&name);
        let total = read.fetch_one(tx.db()).await?;
        call(Scale { name, total })
    }

    async fn call(&self, _: CallKey, _: &Scale) -> Result<(), Failure> {
        Ok(())
    }

    async fn answered(
        &self,
        tx: &mut Tx<'_>,
        Scale { name, total }: Scale,
        (): (),
    ) -> CallStepResult<Self> {
        let set = query("update scale set total = $2 where name = $1").bind(&name);
        set.bind(total + 1).execute(tx.db()).await?;
        done(Weighed { name })
    }
}

/// Its refusal leaves what the request wrote.
struct Park;

impl CallStep for Park {
    const NAME: &'static str = "park";
    type On = Came;
    type Done = Parked;
    type Refused = Full;
    type Request = String;
    type Answer = Place;

    async fn request(&self, tx: &mut Tx<'_>, Came { name, .. }: Came) -> RequestResult<Self> {
        let ask = query("insert into asked values ($1, $2)").bind(tx.saga_id()).bind(&name);
        ask.execute(tx.db()).await?;
        call(name)
    }

    async fn call(&self, _: CallKey, _: &String) -> Result<Place, Failure> {
        Ok(Place::Free { number: 1 })
    }

    async fn answered(&self, _: &mut Tx<'_>, name: String, is: Place) -> CallStepResult<Self> {
        match is {
            Place::Free { .. } => done(Parked { name }),
            Place::No { .. } => refused(Full { name }),
        }
    }
}

impl CallCompensate for Park {
    type Compensated = Never;
    type UndoRequest = ();
    type UndoAnswer = ();

    async fn compensate_request(
        &self,
        tx: &mut Tx<'_>,
        _: Parked,
    ) -> CompensateRequestResult<Self> {
        let delete = query("delete from asked where saga_id = $1").bind(tx.saga_id());
        delete.execute(tx.db()).await?;
        known(Compensated::Silently)
    }

    async fn compensate_call(&self, _: CallKey, (): &()) -> Result<(), Failure> {
        Ok(())
    }

    async fn compensate_answered(
        &self,
        _: &mut Tx<'_>,
        (): (),
        (): (),
    ) -> CallCompensateResult<Self> {
        compensated_silently()
    }
}

#[ballet::service(
    "yard",
    saga = Wish,
    migrations = TABLES,
    copies(Lamp, fed_by(LampChanged))
)]
impl Yard {
    #[retriable]
    fn weigh() -> Weigh {
        Weigh
    }

    #[compensatable]
    fn park() -> Park {
        Park
    }

    /// Its undo forgets a row.
    #[compensatable(undo = unload)]
    async fn load(tx: &mut Tx<'_>, on: Came) -> Does<Loaded> {
        let load = query("insert into load values ($1)").bind(tx.saga_id());
        load.execute(tx.db()).await?;
        let note = query("insert into note values ($1, $2)").bind(tx.saga_id()).bind(&on.name);
        note.execute(tx.db()).await?;
        done(Loaded { name: on.name })
    }

    async fn unload(tx: &mut Tx<'_>, _: Loaded) -> Undoes {
        let delete = query("delete from load where saga_id = $1").bind(tx.saga_id());
        delete.execute(tx.db()).await?;
        compensated_silently()
    }

    #[retriable]
    async fn light(tx: &mut Tx<'_>, on: Came) -> Does<Lit> {
        let lamp = copies::get::<Lamp>(tx.db(), &on.lamp_id).await?;
        let lamp = lamp.and_then(|lamp| lamp.state);
        let lamp = lamp.ok_or_else(|| Failure::permanent("no such lamp"))?;
        done(Lit { watts: lamp.watts })
    }

    #[watches(look = has_gone)]
    async fn watch_gate(_: &mut Tx<'_>, _: Came) -> Result<(), Failure> {
        Ok(())
    }

    async fn has_gone(tx: &mut Tx<'_>) -> Result<Look<Gone>, Failure> {
        let read = query_scalar("select is_open from gate where saga_id = $1").bind(tx.saga_id());
        let is_open: Option<bool> = read.fetch_optional(tx.db()).await?;
        if is_open != Some(true) {
            return Ok(Look::Open(SignedDuration::from_secs(20)));
        }
        Ok(Look::Over(Gone { name: "gate".to_owned() }))
    }

    /// It blocks its lane.
    #[retriable]
    async fn sleep(_: &mut Tx<'_>, on: Came) -> Does<Slept> {
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        done(Slept { name: on.name })
    }

    /// It takes nothing that is made from its schema.
    #[retriable]
    async fn pick(_: &mut Tx<'_>, on: Came) -> Does<Picky> {
        if on.name != "the chosen one" {
            return Err(Failure::permanent("not this one").into());
        }
        done(Picky { name: on.name })
    }
}

static MATRIX: LazyLock<Matrix> = LazyLock::new(|| Matrix::of(Yard::service(), &[]));

#[track_caller]
fn is(matrix: &Matrix, step: &str, other: &str, verdict: Verdict, words: &[&str]) {
    let mut cells = matrix.cells.iter();
    let cell = cells.find(|cell| cell.step == step && cell.other == other);
    let cell = cell.unwrap_or_else(|| panic!("no cell in {matrix}"));
    assert_eq!(cell.verdict, verdict, "{cell}");
    for word in words {
        assert!(cell.why.contains(word), "{cell} lacks {word}");
    }
}

#[test]
fn an_update_between_a_call_and_its_answer_is_lost() {
    let words = [
        "between the step's request and the answer; then row [\"name\"] of scale total was 10, \
         should be 12 and is 11",
        "before: scale {\"name\":\"name\",\"total\":10}",
        "the step: update scale set total = $2 where name = $1, on {",
        "the other one: update scale set total = $2 where name = $1",
    ];
    is(&MATRIX, "weigh", "weigh", Verdict::LosesUpdate, &words);
}

#[test]
fn a_row_that_a_refusal_or_an_undo_leaves_is_shown() {
    let words = ["refused, it leaves something: row", "of asked should be missing and is {"];
    is(&MATRIX, "park", "park", Verdict::CannotBeUndone, &words);
    let words =
        ["the undo leaves something", "of note should be missing", "its undo: delete from load"];
    is(&MATRIX, "load", "load", Verdict::CannotBeUndone, &words);
}

#[test]
fn what_reads_a_copy_and_what_stays_open_is_tried() {
    is(&MATRIX, "light", "light", Verdict::Commutes, &[]);
    is(&MATRIX, "watch_gate", "watch_gate", Verdict::Commutes, &[]);
}

#[test]
fn a_step_that_blocks_its_lane_is_named() {
    is(&MATRIX, "sleep", "all", Verdict::Blocks, &["each run takes 2.1 s at least"]);
}

#[test]
fn an_event_that_no_schema_gives_comes_from_a_recording() {
    is(&MATRIX, "pick", "all", Verdict::NotTried, &["not this one"]);
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/yard.jsonl");
    let saga = "01890a5d-ac96-774b-bcce-b302099a8057";
    let lines = format!(
        r#"{{"format":"ballet recording","version":1,"system":"wishes","broker":"127.0.0.1:5672","begun":"2026-11-22T09:00:00Z","from":{{"offset":0}}}}
{{"exchange":"events","routing_key":"desk.came.v1","properties":{{"type":"desk.came.v1","correlation_id":"{saga}"}},"body":{{"name":"the chosen one","lamp_id":"7"}}}}
"#
    );
    std::fs::write(path, lines).expect("a recording");
    let matrix = Matrix::of(Yard::service(), &[path]);
    is(&matrix, "pick", "pick", Verdict::Commutes, &[]);
    is(&matrix, "light", "light", Verdict::Commutes, &[]);
}

mod idle {
    use super::{Came, Does, Failure, Picky, Tx, Wish};

    #[ballet::service("yard", saga = Wish)]
    impl Idle {
        #[retriable]
        async fn pick(_: &mut Tx<'_>, _: Came) -> Does<Picky> {
            Err(Failure::permanent("nothing is good enough").into())
        }
    }

    pub(super) fn service() -> ballet::Service {
        Idle::service()
    }
}

#[test]
fn a_matrix_that_has_tried_nothing_fails_unless_that_is_accepted() {
    let matrix = Matrix::of(idle::service(), &[]);
    let checked = std::panic::catch_unwind(|| matrix.check(&[])).expect_err("nothing was tried");
    let said = checked.downcast_ref::<String>().expect("words");
    assert!(said.contains("1 of 1 steps were not tried"), "{said}");
    assert!(said.contains("nothing is good enough"), "{said}");
    matrix.check(&[Known::accepted("pick", "all", "it is picky")]);
}
