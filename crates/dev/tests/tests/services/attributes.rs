//! Each form of the attributes declares what its builder declares.

use std::sync::Arc;

use ballet::bulk::{BulkTx, DoesAll, Item, UndoesAll};
use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call,
};
use ballet::core::Versioned;
use ballet::{
    Delay, Does, Due, Entity, EntityEvent, Event, Failure, Look, Migration, Participant, Reading,
    Retry, Rows, Saga, Step, StepError, Telemetry, TelemetryFollower, Tx, Undoes, compensated,
    compensated_silently, done, entity, event, refused, saga, telemetry, value,
};
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;

/// A table.
#[value]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    Window,
    Door,
}

#[event("booking.wanted.v1", starts_saga, also_from("website"), keys(guest = guest, table = table.made_here()))]
pub struct Wanted {
    pub guest: String,
    pub table: Table,
}

#[value]
pub struct Guest {
    pub name: String,
}

#[event("booking.guest_came.v1", keys(guest = "name"))]
pub struct GuestCame {
    #[serde(flatten)]
    pub guest: Guest,
}

macro_rules! plain_events {
    ($($name:ident $text:literal)+) => {$(
        #[event($text, in_saga)]
        #[derive(Eq)]
        pub struct $name {
            pub guest: String,
        }
    )+};
}

plain_events! {
    Booked "booking.booked.v1"
    Cancelled "booking.cancelled.v1"
    Overdue "booking.overdue.v1"
    Confirmed "booking.confirmed.v1"
    Eaten "booking.eaten.v1"
    Closed "booking.closed.v1"
    Cooked "kitchen.cooked.v1"
    NotCooked "kitchen.not_cooked.v1"
    Thrown "kitchen.thrown_away.v1"
    Laid "kitchen.table_laid.v1"
    Cleared "kitchen.table_cleared.v1"
    Left "kitchen.guest_left.v1"
    Paid "kitchen.paid.v1"
    Refunded "kitchen.refunded.v1"
    Rung "kitchen.bell_rung.v1"
}

#[saga("dinner", owner = "booking", abort = Cancelled)]
pub struct Dinner;

#[entity(
    "dish",
    republished = "kitchen.dishes_republished.v1",
    requests("booking.dishes_requested.v1"),
    id = name,
    version = version
)]
pub struct Dish {
    pub name: String,
    pub version: i64,
}

#[event("kitchen.dish_added.v1", carries = 0)]
#[serde(transparent)]
pub struct DishAdded(pub Dish);

#[event("kitchen.dish_changed.v1", carries = dish)]
pub struct DishChanged {
    pub dish: Versioned<Dish>,
}

#[event("kitchen.dish_removed.v1", removes(Dish, id = dish.name, version = dish.version))]
pub struct DishRemoved {
    pub dish: Dish,
}

#[telemetry("kitchen.heat.v1", key = oven, partitions = 2, kept_days = 1)]
pub struct Heat {
    pub oven: String,
    pub celsius: u16,
}

/// Booking owns the saga.
#[derive(Debug)]
pub struct Booking {
    time: SignedDuration,
}

const MIGRATIONS: &[Migration] = &[];

#[ballet::service(
    "booking",
    migrations = MIGRATIONS,
    copies(Dish, fed_by(DishAdded, DishChanged)),
    publishes(Eaten)
)]
impl Booking {
    #[owns(
        Dinner,
        originates(place = Booked),
        aborts_on(not_cooked, |left: Left| Cancelled { guest: left.guest }),
        deadline(self.time, Self::overdue, |late: Overdue| Cancelled { guest: late.guest })
    )]
    pub async fn cancel(tx: &mut Tx<'_>, cancelled: &Cancelled) -> Result<(), Failure> {
        tx.publish(&Eaten { guest: cancelled.guest.clone() }).await
    }

    /// Takes all that are wanted in a batch.
    #[starts]
    pub async fn accept(
        _: &mut BulkTx<'_>,
        wanted: Vec<Item<Wanted>>,
    ) -> DoesAll<Booked, Cancelled> {
        Ok(wanted.into_iter().map(|wanted| Ok(Booked { guest: wanted.event.guest })).collect())
    }

    #[decides]
    pub async fn confirm(&self, _: &mut Tx<'_>, paid: Paid) -> Does<Confirmed> {
        done(Confirmed { guest: format!("{} for {:?}", paid.guest, self.time) })
    }

    #[retriable(retry = Retry::at_once(1).later(&[Delay::FiveSeconds]))]
    pub async fn close(&self, _: &mut Tx<'_>, eaten: Eaten, left: Left) -> Does<Closed> {
        drop(left);
        done(Closed { guest: eaten.guest })
    }

    fn not_cooked(not: NotCooked) -> Cancelled {
        Cancelled { guest: not.guest }
    }

    fn overdue(due: Due) -> Overdue {
        Overdue { guest: due.saga_id.to_string() }
    }
}

/// Only the words of a method use its value.
#[derive(Debug)]
pub struct Waiting {
    time: SignedDuration,
}

#[ballet::service("booking")]
impl Waiting {
    #[owns(Dinner, deadline(self.time, Booking::overdue, |late: Overdue| Cancelled { guest: late.guest }))]
    pub async fn call_off(_: &mut Tx<'_>, _: &Cancelled) -> Result<(), Failure> {
        Ok(())
    }
}

#[ballet::service(
    "kitchen",
    saga = Dinner,
    migrations("../../../examples/loyalty/migrations", "0002_log" = "create table log ()"),
    shares(Dish = "dish"),
    publishes(Rung),
    publishes_telemetry(Heat)
)]
impl Kitchen {
    #[compensatable(undo = throw_away, touches = ovens, undo_touches = Self::used_ovens, key = |booked| booked.guest.clone())]
    pub async fn cook(tx: &mut Tx<'_>, booked: Booked) -> Does<Cooked, NotCooked> {
        let guest = (booked.guest != "late").then_some(booked.guest.clone());
        let guest = guest.ok_or(StepError::Refused(NotCooked { guest: booked.guest }))?;
        tx.publish(&Rung { guest: guest.clone() }).await?;
        if guest.is_empty() { refused(NotCooked { guest }) } else { done(Cooked { guest }) }
    }

    async fn throw_away(_: &mut Tx<'_>, cooked: Cooked) -> Undoes<Thrown> {
        compensated(Thrown { guest: cooked.guest })
    }

    async fn ovens(_: &mut PgConnection, on: &[Item<&Booked>]) -> Result<Rows, Failure> {
        Ok(Rows::of("oven", on.iter().map(|booked| &booked.guest)))
    }

    async fn used_ovens(_: &mut PgConnection, on: &[Item<Cooked>]) -> Result<Rows, Failure> {
        Ok(Rows::of("oven", on.iter().map(|cooked| &cooked.guest)))
    }

    #[repeating(undo = clear, key = |cooked| Some(cooked.guest.clone()), undone_by = |left: &Left| left.guest.clone())]
    pub async fn lay(_: &mut BulkTx<'_>, cooked: Vec<Item<Cooked>>) -> DoesAll<Laid> {
        Ok(cooked.into_iter().map(|cooked| Ok(Laid { guest: cooked.event.guest })).collect())
    }

    async fn clear(_: &mut BulkTx<'_>, laid: Vec<Item<Laid>>) -> UndoesAll {
        Ok(laid.iter().map(|_| ballet::Compensated::Silently).collect())
    }

    #[pivot(since = 2)]
    fn charge() -> Charge {
        Charge
    }

    #[pivot(until = 1, undo = refund)]
    pub async fn charge_cash(_: &mut Tx<'_>, cooked: Cooked, laid: Laid) -> Does<Paid> {
        drop(laid);
        done(Paid { guest: cooked.guest })
    }

    async fn refund(_: &mut Tx<'_>, _: Paid) -> Undoes {
        compensated_silently()
    }

    #[watches(look = has_left)]
    pub async fn watch_guest(_: &mut Tx<'_>, _: Confirmed) -> Result<(), Failure> {
        Ok(())
    }

    async fn has_left(tx: &mut Tx<'_>) -> Result<Look<Left>, Failure> {
        let guest = tx.saga_id().map(|saga| saga.to_string()).unwrap_or_default();
        Ok(Look::Over(Left { guest }))
    }

    #[projects(retry = Retry::NEVER)]
    pub async fn note_closed(_: &mut Tx<'_>, _: Closed) -> Result<(), Failure> {
        Ok(())
    }

    #[reads_telemetry(reset = forget)]
    pub async fn heat_of_ovens(_: &mut Tx<'_>, _: &[Reading<Heat>]) -> Result<(), Failure> {
        Ok(())
    }

    async fn forget(_: &mut Tx<'_>) -> Result<(), Failure> {
        Ok(())
    }

    #[follows_telemetry]
    fn hottest() -> Hottest {
        Hottest
    }
}

struct Hottest;

impl TelemetryFollower for Hottest {
    const NAME: &'static str = "hottest";
    type Follows = Heat;

    fn reaches_back(&self) -> SignedDuration {
        SignedDuration::from_mins(1)
    }

    fn take(&self, _: Timestamp, _: &[Reading<Heat>]) {}
}

#[derive(Debug)]
struct Charge;

impl CallStep for Charge {
    const NAME: &'static str = "charge";
    type On = Cooked;
    type Done = Paid;
    type Refused = NotCooked;
    type Request = String;
    type Answer = ();

    async fn request(&self, _: &mut Tx<'_>, cooked: Cooked) -> RequestResult<Self> {
        call(cooked.guest)
    }

    async fn call(&self, _: CallKey, _: &String) -> Result<(), Failure> {
        Ok(())
    }

    async fn answered(&self, _: &mut Tx<'_>, guest: String, (): ()) -> CallStepResult<Self> {
        done(Paid { guest })
    }
}

impl CallCompensate for Charge {
    type Compensated = Refunded;
    type UndoRequest = String;
    type UndoAnswer = ();

    async fn compensate_request(
        &self,
        _: &mut Tx<'_>,
        paid: Paid,
    ) -> CompensateRequestResult<Self> {
        call(paid.guest)
    }

    async fn compensate_call(&self, _: CallKey, _: &String) -> Result<(), Failure> {
        Ok(())
    }

    async fn compensate_answered(
        &self,
        _: &mut Tx<'_>,
        guest: String,
        (): (),
    ) -> CallCompensateResult<Self> {
        compensated(Refunded { guest })
    }
}

fn steps(participant: &Participant) -> Vec<String> {
    let part = participant.part();
    let steps = part.sagas.iter().flat_map(|saga| &saga.steps);
    let line = |step: &ballet::core::StepPart| {
        let on: Vec<_> = step.on.iter().map(|on| on.event()).collect();
        let others: Vec<_> = [step.refused, step.compensated]
            .into_iter()
            .map(|event| event.map_or("-", |event| event.event()))
            .collect();
        let (done, kind) = (step.done.event(), step.kind);
        format!("{kind:?} {}: {} -> {done} {}", step.name, on.join("+"), others.join(" "))
    };
    steps.map(line).collect()
}

#[test]
fn the_steps_of_an_owner_are_its_methods() {
    let booking = || Booking { time: SignedDuration::from_mins(15) }.participant();
    assert_eq!(
        steps(&booking()),
        [
            "Origin place:  -> booked - -",
            "Origin accept: wanted -> booked cancelled -",
            "Decision confirm: paid -> confirmed - -",
            "Retriable close: eaten+guest_left -> closed - -",
        ]
    );
    let part = booking().part();
    let [saga] = &part.sagas[..] else { panic!("one saga") };
    assert_eq!(saga.aborts_on, [NotCooked::TYPE, Left::TYPE]);
    let deadline = saga.deadline.expect("a deadline");
    assert_eq!((deadline.passed, deadline.after), (Overdue::TYPE, SignedDuration::from_mins(15)));
    assert_eq!(part.copies[0].fed_by, [DishAdded::TYPE, DishChanged::TYPE]);
    assert_eq!(part.publishes, [Eaten::TYPE]);
    const { assert!(Accept::TOGETHER && !<Close as Step>::TOGETHER) };
    assert_eq!(Close::RETRY, Retry::at_once(1).later(&[Delay::FiveSeconds]));
    let close = Close(Arc::new(Booking { time: SignedDuration::ZERO }));
    assert_eq!(format!("{close:?}"), "Close");
    let waiting = Waiting { time: SignedDuration::from_mins(3) }.participant().part();
    assert_eq!(waiting.sagas[0].deadline.expect("a deadline").after, SignedDuration::from_mins(3));
}

#[test]
fn the_steps_of_a_participant_are_its_methods() {
    assert_eq!(
        steps(&Kitchen::participant()),
        [
            "Compensatable cook: booked -> cooked not_cooked thrown_away",
            "Compensatable lay: cooked -> table_laid - -",
            "Pivot charge: cooked -> paid not_cooked refunded",
            "Pivot charge_cash: cooked+table_laid -> paid - -",
            "Retriable watch_guest: confirmed -> guest_left - -",
        ]
    );
    let part = Kitchen::participant().part();
    let [saga] = &part.sagas[..] else { panic!("one saga") };
    assert_eq!(saga.steps[1].compensated_by, [Left::TYPE]);
    let versions: Vec<_> =
        saga.steps.iter().map(|step| (step.versions.has(1), step.versions.has(2))).collect();
    assert_eq!(versions[2..4], [(false, true), (true, false)]);
    let booked = Booked { guest: "Ada".to_owned() };
    assert_eq!(Cook::key(&booked), Some("Ada".to_owned()));
    assert_eq!(part.subscriptions[0].name, "note_closed");
    assert_eq!(
        part.readers.iter().map(|reader| reader.name).collect::<Vec<_>>(),
        ["heat_of_ovens", "hottest"]
    );
    assert_eq!((part.shares[0].view, part.telemetry[0].name()), ("dish", Heat::TYPE.name()));
    drop(Kitchen::service());
}

#[test]
fn an_event_has_its_keys_its_producers_and_its_entity() {
    let [guest, table] = Wanted::KEYS else { panic!("two keys") };
    assert_eq!((guest.name(), guest.field(), guest.is_made_here()), ("guest", "guest", false));
    assert!(table.is_made_here());
    assert_eq!(GuestCame::KEYS[0].field(), "name");
    assert_eq!(Wanted::TYPE.foreign_producers(), ["website"]);
    let dish = Dish { name: "soup".to_owned(), version: 3 };
    let version = Versioned::of("soup", 3, dish.clone());
    assert_eq!(DishAdded(dish.clone()).into_version(), version);
    assert_eq!(DishChanged { dish: version.clone() }.into_version(), version);
    assert_eq!(DishRemoved { dish }.into_version(), Versioned::removed("soup", 3));
    assert_eq!((Dish::NAME, Dish::owner(), Dinner::OWNER), ("dish", "kitchen", "booking"));
    let heat = Heat { oven: "left".to_owned(), celsius: 200 };
    assert_eq!((heat.key().as_ref(), Heat::TYPE.partition_count()), (&b"left"[..], 2));
    let body = serde_json::to_string(&Wanted { guest: "Ada".to_owned(), table: Table::Door });
    assert_eq!(body.expect("JSON"), r#"{"guest":"Ada","table":"door"}"#);
}
