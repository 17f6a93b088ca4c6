//! The suite for programs, with steps that refuse and joins. `examples/loyalty` tries its other scenarios.

use std::collections::BTreeMap;
use std::time::Duration;

use ballet::{
    Compensate, CompensateResult, Event, EventType, Migration, Never, Participant, Saga, Service,
    Settings, Step, StepResult, Tx, compensated, done, refused,
};
use ballet_testkit::participant::{Contract, Program, ProgramSuite, Scenario};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

/// The variable that says which service a process of this program is.
const KIND: &str = "BALLET_LODGE";
/// The wait for an event that a faulty program loses.
const SOON: Duration = Duration::from_secs(8);

ballet_testkit::events! {
    RoomWanted = "desk.room_wanted.v1" { stay: Uuid, guests: u16 }
    LunchWanted = "desk.lunch_wanted.v1" { stay: Uuid }
    StayCancelled = "desk.stay_cancelled.v1" { stay: Uuid }
    RoomHeld = "lodge.room_held.v1" { stay: Uuid }
    RoomRefused = "lodge.room_refused.v1" { stay: Uuid }
    RoomFreed = "lodge.room_freed.v1" { stay: Uuid }
}

struct Stay;

impl Saga for Stay {
    const NAME: &'static str = "stay";
    const OWNER: &'static str = "desk";
    type Abort = StayCancelled;
}

const TABLES: &[Migration] =
    &[Migration { name: "0001_held", sql: "create table held (stay uuid, guests bigint)" }];

async fn hold(tx: &mut Tx<'_>, stay: Uuid, guests: u16) -> Result<(), sqlx::Error> {
    let hold = sqlx::query("insert into held (stay, guests) values ($1, $2)");
    hold.bind(stay).bind(i64::from(guests)).execute(tx.db()).await?;
    Ok(())
}

async fn free(tx: &mut Tx<'_>, stay: Uuid) -> Result<RoomFreed, sqlx::Error> {
    sqlx::query("delete from held where stay = $1").bind(stay).execute(tx.db()).await?;
    Ok(RoomFreed { stay })
}

/// Refuses more guests than a room takes, unless it forgets to.
struct Hold {
    refuses: bool,
}

impl Step for Hold {
    const NAME: &'static str = "hold_room";
    type On = RoomWanted;
    type Done = RoomHeld;
    type Refused = RoomRefused;

    async fn run(&self, tx: &mut Tx<'_>, wanted: RoomWanted) -> StepResult<Self> {
        let RoomWanted { stay, guests } = wanted;
        if guests > 4 && self.refuses {
            return refused(RoomRefused { stay });
        }
        hold(tx, stay, guests).await?;
        done(RoomHeld { stay })
    }
}

impl Compensate for Hold {
    type Compensated = RoomFreed;

    async fn compensate(&self, tx: &mut Tx<'_>, held: RoomHeld) -> CompensateResult<Self> {
        compensated(free(tx, held.stay).await?)
    }
}

macro_rules! holds_on {
    ($step:ident, $on:ty, $wanted:pat => $stay:expr) => {
        struct $step;

        impl Step for $step {
            const NAME: &'static str = "hold_room";
            type On = $on;
            type Done = RoomHeld;
            type Refused = Never;

            async fn run(&self, tx: &mut Tx<'_>, $wanted: Self::On) -> StepResult<Self> {
                hold(tx, $stay, 2).await?;
                done(RoomHeld { stay: $stay })
            }
        }

        impl Compensate for $step {
            type Compensated = RoomFreed;

            async fn compensate(&self, tx: &mut Tx<'_>, held: RoomHeld) -> CompensateResult<Self> {
                compensated(free(tx, held.stay).await?)
            }
        }
    };
}

holds_on!(HoldWithLunch, (RoomWanted, LunchWanted), (room, _) => room.stay);
holds_on!(HoldAtOnce, RoomWanted, room => room.stay);

fn participant(kind: &str) -> Participant {
    Participant::new("lodge").saga::<Stay>(|saga| match kind {
        "joins" => saga.compensatable(HoldWithLunch),
        "waits for one" => saga.compensatable(HoldAtOnce),
        kind => saga.compensatable(Hold { refuses: kind == "refuses" }),
    })
}

/// Not a test, but the program that the suite runs.
#[tokio::test]
async fn program() {
    let variable = |name| std::env::var(name).ok();
    let Some(kind) = variable(KIND) else { return };
    let (Some(amqp), Some(database)) = (variable("AMQP_URL"), variable("DATABASE_URL")) else {
        return;
    };
    let service = Service::new(participant(&kind)).migrations(TABLES);
    let running = service.start(Settings::new(amqp, database)).await.expect("started");
    signal(SignalKind::terminate()).expect("a signal").recv().await;
    running.stop().await;
}

/// `promised` is the kind of the contract.
fn suite(kind: &str, promised: &str) -> ProgramSuite {
    let stay = json!({ "stay": "{saga}" });
    let of = |event: EventType| (event.name().to_owned(), stay.clone());
    let mut bodies: BTreeMap<_, _> = [
        of(LunchWanted::TYPE),
        of(StayCancelled::TYPE),
        of(RoomHeld::TYPE),
        of(RoomRefused::TYPE),
        of(RoomFreed::TYPE),
    ]
    .into();
    let wanted = |guests| json!({ "stay": "{saga}", "guests": guests });
    bodies.insert(RoomWanted::TYPE.name().to_owned(), wanted(2));
    let contract = Contract {
        part: participant(promised).part(),
        step: "hold_room".to_owned(),
        bodies,
        refused_by: (promised == "refuses").then(|| wanted(5)),
        reference: String::new(),
        trouble: None,
        effect: "select guests from held where stay = $1".to_owned(),
        effect_when_done: 2,
    };
    let program = std::env::current_exe().expect("this program");
    let program = Program::new(program).args(["participant::program", "--exact", "--nocapture"]);
    ProgramSuite::new(program.env(KIND, kind), contract).patience(SOON)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_refuses_is_tried_and_one_that_should_and_does_not_is_found() {
    let right = suite("refuses", "refuses");
    assert!(right.scenarios().contains(&Scenario::Refused));
    assert!(!right.scenarios().contains(&Scenario::Join));
    right.run(Scenario::Refused).await.expect("it refuses once");
    let wrong = suite("never refuses", "refuses").run(Scenario::Refused).await;
    let said = wrong.expect_err("it does not refuse");
    assert!(said.contains("should be Refused"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_is_tried_and_one_that_does_not_wait_for_all_is_found() {
    let right = suite("joins", "joins");
    assert!(right.scenarios().contains(&Scenario::Join));
    for scenario in [Scenario::Twice, Scenario::Join, Scenario::AbortAfter] {
        right.run(scenario).await.unwrap_or_else(|wrong| panic!("{scenario}: {wrong}"));
    }
    let wrong = suite("waits for one", "joins").run(Scenario::Join).await;
    let said = wrong.expect_err("it does not wait");
    assert!(said.contains("should be Never") || said.contains("dead letters"), "{said}");
}
