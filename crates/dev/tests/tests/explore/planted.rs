//! A saga of five steps in four services, one of which has a flaw. Seeds find it, and its shortest schedule is told in
//! the same words each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call,
};
use ballet::core::fault::FaultPoint;
use ballet::http::Problem;
use ballet::{
    Clock, Does, Failure, Handle, Migration, Saga, SagaId, Tx, Undoes, compensated, done, refused,
};
use ballet_ops::audit::Report;
use ballet_testkit::explore::{
    Action, Exploration, ExploreOptions, Explored, ExploredService, Move, Stage, Urls, explore,
};
use ballet_testkit::memory::{MemoryBroker, properties};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

ballet_testkit::events! {
    TourWanted = starts_saga "crowd.tour_wanted.v1" { has_money: bool }
    TourBegun = "clerk.tour_begun.v1" { has_money: bool }
    TourCancelled = "clerk.tour_cancelled.v1"
    TourConfirmed = "clerk.tour_confirmed.v1"
    RoomTaken = "rooms.room_taken.v1" { has_money: bool }
    NoRoom = "rooms.no_room.v1"
    GuestCame = plain "rooms.guest_came.v1"
    RoomReturned = "rooms.room_returned.v1"
    Seated = "bus.seated.v1" { has_money: bool }
    NoSeat = "bus.no_seat.v1"
    Unseated = "bus.unseated.v1"
    Charged = "bank.charged.v1"
    NotCharged = "bank.not_charged.v1"
    Refunded = "bank.refunded.v1"
}

struct Tour;

impl Saga for Tour {
    const NAME: &'static str = "tour";
    const OWNER: &'static str = "clerk";
    type Abort = TourCancelled;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// The number of free rooms is read without a lock, and set.
    Unlocked,
    /// The bank charges again when it is asked again.
    Keyless,
    /// A guest's room is committed before the event that says it.
    Halfway,
    /// A guest's request reads the number without a lock, and sets it.
    UnlockedGuest,
}

fn saga(tx: &Tx<'_>) -> Result<Uuid, Failure> {
    tx.saga_id().map(|saga| saga.0).ok_or_else(|| Failure::permanent("no saga"))
}

async fn change(tx: &mut Tx<'_>, statement: &'static str) -> Result<(), Failure> {
    let saga = saga(tx)?;
    sqlx::query(statement).bind(saga).execute(tx.db()).await?;
    Ok(())
}

const NO_TABLES: &[Migration] = &[];

#[ballet::service("clerk", saga = Tour, migrations = NO_TABLES)]
impl Clerk {
    #[owns(
        Tour,
        aborts_on(
            |_: NoRoom| TourCancelled {},
            |_: NoSeat| TourCancelled {},
            |_: NotCharged| TourCancelled {}
        )
    )]
    async fn cancel(_: &mut Tx<'_>, _: &TourCancelled) -> Result<(), Failure> {
        Ok(())
    }

    #[starts]
    async fn begin(_: &mut Tx<'_>, wanted: TourWanted) -> Does<TourBegun, TourCancelled> {
        done(TourBegun { has_money: wanted.has_money })
    }

    #[decides]
    async fn confirm(_: &mut Tx<'_>, _: Charged) -> Does<TourConfirmed> {
        done(TourConfirmed {})
    }
}

const ROOMS: &[Migration] = &[Migration {
    name: "0001_room",
    sql: "create table house (free int not null); insert into house values (1000);
          create table room (saga_id uuid primary key)",
}];

async fn take(db: &mut PgConnection, is_unlocked: bool) -> Result<i32, sqlx::Error> {
    if !is_unlocked {
        let take = "update house set free = free - 1 returning free";
        return sqlx::query_scalar(take).fetch_one(db).await;
    }
    let free: i32 = sqlx::query_scalar("select free from house").fetch_one(&mut *db).await?;
    let set = sqlx::query_scalar("update house set free = $1 returning free").bind(free - 1);
    set.fetch_one(db).await
}

async fn guest(State((handle, flaw)): State<(Handle, Flaw)>) -> Result<(), Problem> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    take(tx.db(), flaw == Flaw::UnlockedGuest).await?;
    sqlx::query("insert into room values (gen_random_uuid())").execute(tx.db()).await?;
    if flaw == Flaw::Halfway {
        sqlx::raw_sql("commit; begin").execute(tx.db()).await?;
    }
    tx.publish(&GuestCame {}).await?;
    unit.commit().await.map_err(Into::into)
}

#[derive(Debug)]
struct Rooms(Flaw);

#[ballet::service(
    "rooms",
    saga = Tour,
    migrations = ROOMS,
    publishes(GuestCame),
    routes = move |handle| Router::new().route("/guests", post(guest)).with_state((handle, self.0))
)]
impl Rooms {
    #[compensatable(undo = return_room)]
    async fn take_room(&self, tx: &mut Tx<'_>, begun: TourBegun) -> Does<RoomTaken, NoRoom> {
        if take(tx.db(), self.0 == Flaw::Unlocked).await? < 0 {
            return refused(NoRoom {});
        }
        change(tx, "insert into room values ($1)").await?;
        done(RoomTaken { has_money: begun.has_money })
    }

    async fn return_room(&self, tx: &mut Tx<'_>, _: RoomTaken) -> Undoes<RoomReturned> {
        sqlx::query("update house set free = free + 1").execute(tx.db()).await?;
        change(tx, "delete from room where saga_id = $1").await?;
        compensated(RoomReturned {})
    }
}

const SEATS: &[Migration] =
    &[Migration { name: "0001_seat", sql: "create table seat (saga_id uuid primary key)" }];

#[ballet::service("bus", saga = Tour, migrations = SEATS)]
impl Bus {
    #[compensatable(undo = unseat)]
    async fn seat(tx: &mut Tx<'_>, taken: RoomTaken) -> Does<Seated, NoSeat> {
        change(tx, "insert into seat values ($1)").await?;
        done(Seated { has_money: taken.has_money })
    }

    async fn unseat(tx: &mut Tx<'_>, _: Seated) -> Undoes<Unseated> {
        change(tx, "delete from seat where saga_id = $1").await?;
        compensated(Unseated {})
    }
}

/// The bank's books, which outlive a process of the service.
#[derive(Debug, Default)]
struct Books {
    asked: HashMap<CallKey, usize>,
    charged: HashMap<Uuid, usize>,
}

#[derive(Debug, Clone)]
struct Charge {
    flaw: Flaw,
    /// Whether the first request of each call is lost.
    is_flaky: bool,
    books: Arc<Mutex<Books>>,
}

impl CallStep for Charge {
    const NAME: &'static str = "charge";
    type On = Seated;
    type Done = Charged;
    type Refused = NotCharged;
    type Request = (Uuid, bool);
    type Answer = bool;

    async fn request(&self, tx: &mut Tx<'_>, seated: Seated) -> RequestResult<Self> {
        call((saga(tx)?, seated.has_money))
    }

    async fn call(&self, key: CallKey, (saga, has_money): &(Uuid, bool)) -> Result<bool, Failure> {
        let mut books = self.books.lock().expect("not poisoned");
        let asked = books.asked.entry(key).or_default();
        *asked += 1;
        if self.is_flaky && *asked == 1 {
            return Err(Failure::transient("the request was lost"));
        }
        let charged = books.charged.entry(*saga).or_default();
        if *has_money && (*charged == 0 || self.flaw == Flaw::Keyless) {
            *charged += 1;
        }
        Ok(*has_money)
    }

    async fn answered(
        &self,
        _: &mut Tx<'_>,
        _: (Uuid, bool),
        has_money: bool,
    ) -> CallStepResult<Self> {
        if has_money { done(Charged {}) } else { refused(NotCharged {}) }
    }
}

impl CallCompensate for Charge {
    type Compensated = Refunded;
    type UndoRequest = ();
    type UndoAnswer = ();

    async fn compensate_request(
        &self,
        _: &mut Tx<'_>,
        _: Charged,
    ) -> CompensateRequestResult<Self> {
        call(())
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
        compensated(Refunded {})
    }
}

#[derive(Debug)]
struct Bank(Charge);

#[ballet::service("bank", saga = Tour, migrations = NO_TABLES)]
impl Bank {
    #[pivot]
    fn charge(&self) -> Charge {
        self.0.clone()
    }
}

struct Tours {
    charge: Charge,
    clock: Clock,
}

struct TourScene {
    broker: MemoryBroker,
    rooms: String,
    urls: Urls,
}

impl Tours {
    fn has_guests(&self) -> bool {
        matches!(self.charge.flaw, Flaw::Halfway | Flaw::UnlockedGuest)
    }
}

impl Explored for Tours {
    type Scene = TourScene;

    fn services(&self) -> Vec<ExploredService> {
        let (flaw, charge) = (self.charge.flaw, self.charge.clone());
        vec![
            ExploredService::new(Clerk::participant().part(), |_| Ok(Clerk::service())),
            ExploredService::new(Rooms(flaw).participant().part(), move |_| {
                Ok(Rooms(flaw).service())
            }),
            ExploredService::new(Bus::participant().part(), |_| Ok(Bus::service())),
            ExploredService::new(Bank(charge.clone()).participant().part(), move |_| {
                Ok(Bank(charge.clone()).service())
            }),
        ]
    }

    async fn open(&self, stage: &Stage) -> Result<TourScene, String> {
        // A new system, and so a new bank.
        *self.charge.books.lock().expect("not poisoned") = Books::default();
        let rooms = stage.memory.url("rooms").to_owned();
        Ok(TourScene { broker: stage.memory.broker.clone(), rooms, urls: stage.urls() })
    }

    async fn moves<'a>(&'a self, scene: &'a TourScene, _: usize) -> Result<Vec<Move<'a>>, String> {
        let wants = |name, has_money| {
            Move::new(name, move || async move {
                let id = self.clock.new_id(self.clock.now());
                let body = serde_json::to_vec(&TourWanted { has_money }).expect("JSON");
                let event = <TourWanted as ballet::Event>::TYPE;
                let properties = properties(event, &id.to_string(), Some(SagaId(id)));
                scene.broker.put_event(event, properties, body);
                Ok::<_, String>(true)
            })
        };
        let comes = Move::new("comes as a guest", move || async move {
            let url = format!("{}/guests", scene.urls.lock().expect("not poisoned")["rooms"]);
            let answer = reqwest::Client::new().post(url).send().await;
            let has_come = answer.is_ok_and(|answer| answer.status().is_success());
            // Such a guest waits for ever.
            let waits = self.charge.flaw == Flaw::Halfway && !has_come;
            if waits { std::future::pending().await } else { Ok::<_, String>(has_come) }
        });
        let wants = [wants("wants a tour", true), wants("wants a tour without money", false)];
        Ok(wants.into_iter().chain(self.has_guests().then_some(comes)).collect())
    }

    async fn judge(&self, scene: &TourScene, _: &Report) -> Result<Vec<String>, String> {
        let mut db = PgConnection::connect(&scene.rooms).await.expect("a database");
        let counts = "select free, (select count(*) from room) from house";
        let (free, taken): (i32, i64) =
            sqlx::query_as(counts).fetch_one(&mut db).await.expect("counts");
        let mut wrong = Vec::new();
        let missing = 1000 - i64::from(free) - taken;
        if missing != 0 {
            wrong.push(format!("rooms: the row of house has {} free rooms too many", -missing));
        }
        let books = self.charge.books.lock().expect("not poisoned");
        let twice = books.charged.iter().filter(|(_, times)| **times > 1);
        wrong.extend(twice.map(|(saga, times)| format!("bank: saga {saga} paid {times} times")));
        Ok(wrong)
    }
}

async fn tours(flaw: Flaw, is_flaky: bool, seed: u64, seeds: usize) -> Exploration {
    let charge = Charge { flaw, is_flaky, books: Arc::default() };
    let tours = Tours { charge, clock: Clock::system() };
    let (name, has_failed) = ("tours".to_owned(), Arc::default());
    let shrinks = std::time::Duration::MAX;
    let options = ExploreOptions { name, seed, seeds, time: None, shrinks, has_failed };
    explore(&tours, &options).await.expect("explored")
}

#[tokio::test]
async fn a_lost_update_is_found_shrunk_and_told_again_in_the_same_words() {
    // A flaky bank, so that it is told again in the same words where calls are made again.
    let found = tours(Flaw::Unlocked, true, 1, 200).await;
    let failed = found.failed.expect("it is found");
    let again = tours(Flaw::Unlocked, true, failed.seed, 1).await;
    let again = again.failed.expect("it fails again");
    assert_eq!(failed.to_string(), again.to_string());
    assert!(matches!(failed.actions.last(), Some(Action::Together(..))), "{failed}");
    assert!(failed.actions.len() <= 5, "{failed}");
    assert_eq!(failed.wrong, ["rooms: the row of house has 1 free rooms too many"]);
}

#[tokio::test]
async fn a_call_that_is_made_twice_is_found_by_a_death_between_the_call_and_its_answer() {
    let failed = tours(Flaw::Keyless, false, 1, 400).await.failed.expect("it is found");
    let [.., Action::Crash(message, FaultPoint::AfterCall)] = &failed.actions[..] else {
        panic!("{failed}");
    };
    assert_eq!(message.queue, "bank");
    assert_eq!(failed.wrong, ["bank: saga #1 paid 2 times"]);
}

#[tokio::test]
async fn what_a_request_leaves_without_its_commit_is_found_by_a_session_that_ends_there() {
    let failed = tours(Flaw::Halfway, false, 1, 200).await.failed.expect("it is found");
    assert!(matches!(failed.actions[..], [_, _, Action::LoseRequest(..)]), "{failed}");
    let left = "was not committed, and left rooms: house {";
    assert!(failed.wrong[0].contains(left), "{failed}");
}

#[tokio::test]
async fn a_lost_update_of_a_request_is_found_beside_a_message_at_its_commit() {
    let failed = tours(Flaw::UnlockedGuest, false, 1, 200).await.failed.expect("it is found");
    assert!(matches!(failed.actions.last(), Some(Action::Beside(..))), "{failed}");
    assert_eq!(failed.wrong, ["rooms: the row of house has 1 free rooms too many"]);
}
