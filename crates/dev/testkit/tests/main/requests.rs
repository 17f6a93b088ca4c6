//! The suite for a step that begins with a request: a correct one passes, and one that writes nothing is found.

use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use ballet::{
    Failure, Handle, Migration, Never, Owner, Participant, SagaId, Service, Step, StepResult, Tx,
    done,
};
use ballet_testkit::suite::{StepCase, StepSuite, published};
use serde_json::json;
use uuid::Uuid;

use crate::wish::{Cancelled, Wish};

ballet_testkit::events! {
    Wished = "desk.wished.v1" { wish: String }
    Granted = "desk.granted.v1" { wish: String }
    Heard = "clerk.heard.v1" { wish: String }
}

struct Desk;

impl Owner for Desk {
    type Saga = Wish;

    async fn abort(&self, _: &mut Tx<'_>, _: &Cancelled) -> Result<(), Failure> {
        Ok(())
    }
}

struct Grant;

impl Step for Grant {
    const NAME: &'static str = "grant";
    type On = Heard;
    type Done = Granted;
    type Refused = Never;

    async fn run(&self, _: &mut Tx<'_>, Heard { wish }: Heard) -> StepResult<Self> {
        done(Granted { wish })
    }
}

const TABLES: &[Migration] =
    &[Migration { name: "0001_wish", sql: "create table wish (saga_id uuid not null)" }];

fn desk() -> Participant {
    Participant::new("desk")
        .owns(Desk, |saga| saga.originates::<Wished>("begin_wish").decides(Grant))
}

async fn begin(handle: &Handle, wish: String, writes: bool) -> Result<StatusCode, Failure> {
    let id = handle.new_id::<Uuid>();
    let mut unit = handle.saga_unit(SagaId(id)).await?;
    if wish == "moon" {
        return Ok(StatusCode::CONFLICT);
    }
    if writes {
        let insert = sqlx::query("insert into wish values ($1)").bind(id);
        insert.execute(unit.tx().db()).await?;
    }
    unit.originate(Wished { wish }).await?;
    unit.commit().await?;
    Ok(StatusCode::CREATED)
}

/// The handler may forget its row.
fn service(writes: bool) -> Service {
    Service::new(desk()).migrations(TABLES).routes(move |handle| {
        let place = async move |Json(Wished { wish }): Json<Wished>| {
            begin(&handle, wish, writes).await.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        };
        Router::new().route("/wishes", post(place))
    })
}

/// Returns the suite's report; empty if the desk passes.
fn said_of(writes: bool, case: StepCase) -> String {
    let check = || {
        StepSuite::new(&desk(), move |_, _| service(writes))
            .effects("wish", "select * from wish")
            .check("begin_wish", case);
    };
    match catch_unwind(AssertUnwindSafe(check)) {
        Ok(()) => String::new(),
        Err(panic) => panic.downcast_ref::<String>().cloned().expect("words"),
    }
}

fn wished() -> StepCase {
    StepCase::done_by_request("/wishes", &json!({ "wish": "cup" }))
        .refused_by_request("/wishes", &json!({ "wish": "moon" }))
}

#[test]
fn the_suite_has_nothing_to_say_about_a_good_request() {
    assert_eq!(said_of(true, wished()), "");
}

#[test]
fn the_suite_finds_a_request_that_leaves_no_row() {
    let said = said_of(false, wished());
    assert!(said.contains("undisturbed: no effect is visible"), "{said}");
}

#[test]
fn parts_of_a_sample_that_a_request_cannot_use_are_named() {
    let cancelled = |_| vec![published(&Cancelled { wish: "cup".to_owned() })];
    let case = wished().given(|_| String::new()).aborted_by(cancelled);
    let said = said_of(true, case);
    assert!(said.contains("a request cannot use `given`, `aborted_by`"), "{said}");
    let said = said_of(true, wished().refused_by(cancelled));
    assert!(said.contains("a request cannot use `refused_by`"), "{said}");
}
