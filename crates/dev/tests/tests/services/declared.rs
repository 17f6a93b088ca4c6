//! A service whose own declaration would lose work does not start, and says what to change.

use std::time::Duration;

use ballet::{
    Compensate, CompensateResult, Due, Event, EventType, Failure, Key, Migration, Never, Owner,
    Participant, Projection, Saga, Service, Settings, Step, StepResult, Tx, compensated, done,
};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

const HANG: Duration = Duration::from_secs(60);

ballet_testkit::events! {
    OrderPlaced = "orders.order_placed.v1"
    OrderCancelled = "orders.order_cancelled.v1"
    WarrantyGiven = "warranty.warranty_given.v1"
    WarrantyNoted = plain "warranty.warranty_noted.v1"
    OrderInsured = "orders.order_insured.v1"
    OrderTaken = "orders.order_taken.v1"
    WarrantyEnded = "warranty.warranty_ended.v1"
}

struct Fulfillment;

impl Saga for Fulfillment {
    const NAME: &'static str = "order_fulfillment";
    const OWNER: &'static str = "orders";
    type Abort = OrderCancelled;
}

macro_rules! steps {
    ($($step:ident $name:literal => $done:ident)+) => {$(
        struct $step;
        impl Step for $step {
            const NAME: &'static str = $name;
            type On = OrderPlaced;
            type Done = $done;
            type Refused = Never;
            async fn run(&self, _: &mut Tx<'_>, _: OrderPlaced) -> StepResult<Self> {
                done($done {})
            }
        }
        impl Compensate for $step {
            type Compensated = WarrantyEnded;
            async fn compensate(&self, _: &mut Tx<'_>, _: $done) -> CompensateResult<Self> {
                compensated(WarrantyEnded {})
            }
        }
    )+};
}

steps! {
    Give "give_warranty" => WarrantyGiven
    GiveAgain "give_warranty" => WarrantyGiven
    Note "note_warranty" => WarrantyNoted
    Insure "insure_order" => OrderInsured
    Nameless "" => WarrantyGiven
    Register "register_warranty" => WarrantyGiven
}

struct Owns;

impl Owner for Owns {
    type Saga = Fulfillment;
    async fn abort(&self, _: &mut Tx<'_>, _: &OrderCancelled) -> Result<(), Failure> {
        Ok(())
    }
}

fn warranty() -> Participant {
    Participant::new("warranty")
}

/// Without servers, a sound service waits for its database.
async fn start(participant: Participant) -> Option<String> {
    start_service(Service::new(participant)).await
}

async fn start_service(service: Service) -> Option<String> {
    let settings = Settings::new("amqp://u:p@127.0.0.1:1/v", "postgres://u:p@127.0.0.1:1/d");
    let started = timeout(HANG, service.start(settings)).await;
    started.ok().and_then(Result::err).map(|error| error.to_string())
}

async fn is_refused(participant: Participant, expected: &str) {
    let said = start(participant).await.expect("the service starts");
    assert!(said.contains(expected), "{expected:?} is not in {said:?}");
}

#[tokio::test]
async fn t199_two_steps_of_one_name_do_not_start() {
    let twice =
        warranty().saga::<Fulfillment>(|saga| saga.compensatable(Give).compensatable(GiveAgain));
    is_refused(twice, "warranty has two steps named \"give_warranty\"").await;
}

struct Log;

impl Projection for Log {
    const NAME: &'static str = "log";
    type On = OrderPlaced;
    async fn apply(&self, _: &mut Tx<'_>, _: OrderPlaced) -> Result<(), Failure> {
        Ok(())
    }
}

/// A step with the name of one that the same event triggers.
struct LogGiven;

impl Projection for LogGiven {
    const NAME: &'static str = "give_warranty";
    type On = OrderPlaced;
    async fn apply(&self, _: &mut Tx<'_>, _: OrderPlaced) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test]
async fn two_handlers_of_one_name_for_one_event_do_not_start() {
    let twice = warranty().projects(Log).projects(Log);
    let why = "warranty handles orders.order_placed.v1 with two handlers named \"log\"";
    is_refused(twice, why).await;
    let both = warranty().saga::<Fulfillment>(|saga| saga.compensatable(Give)).projects(LogGiven);
    let why = "warranty handles orders.order_placed.v1 with two handlers named \"give_warranty\"";
    is_refused(both, why).await;
}

struct Join;

impl Step for Join {
    const NAME: &'static str = "join_orders";
    type On = (OrderPlaced, OrderInsured);
    type Done = WarrantyGiven;
    type Refused = Never;
    async fn run(&self, _: &mut Tx<'_>, _: (OrderPlaced, OrderInsured)) -> StepResult<Self> {
        done(WarrantyGiven {})
    }
}

impl Compensate for Join {
    type Compensated = WarrantyEnded;
    async fn compensate(&self, _: &mut Tx<'_>, _: WarrantyGiven) -> CompensateResult<Self> {
        compensated(WarrantyEnded {})
    }
}

#[tokio::test]
async fn a_join_that_repeats_does_not_start() {
    let join = warranty()
        .saga::<Fulfillment>(|saga| saga.repeating(Join, |_: &WarrantyEnded| "both".to_owned()));
    is_refused(join, "warranty.join_orders waits for 2 events, and repeats").await;
}

struct Take;

impl Step for Take {
    const NAME: &'static str = "take_order";
    type On = OrderPlaced;
    type Done = OrderTaken;
    type Refused = OrderCancelled;
    async fn run(&self, _: &mut Tx<'_>, _: OrderPlaced) -> StepResult<Self> {
        done(OrderTaken {})
    }
}

#[tokio::test]
async fn what_begins_or_aborts_a_saga_is_not_declared_as_published() {
    let orders =
        || Participant::new("orders").owns(Owns, |saga| saga.originates::<OrderPlaced>("place"));
    let why = "orders declares that it publishes orders.order_cancelled.v1, which would abort order_fulfillment";
    is_refused(orders().publishes::<OrderCancelled>(), why).await;
    let why = "orders.order_placed.v1, which would begin order_fulfillment";
    is_refused(orders().publishes::<OrderPlaced>(), why).await;

    let orders = || Participant::new("orders").owns(Owns, |saga| saga.starts(Take).decides(Insure));
    let begins = "orders.order_taken.v1, which would begin order_fulfillment";
    let decides = "orders.order_insured.v1, which would decide order_fulfillment";
    for (publishing, why) in [
        (orders().publishes::<OrderTaken>(), begins),
        (orders().publishes::<OrderTaken>(), "and return it from take_order"),
        (orders().publishes::<OrderInsured>(), decides),
        (orders().publishes::<OrderInsured>(), "and return it from insure_order"),
    ] {
        is_refused(publishing, why).await;
    }
}

#[tokio::test]
async fn a_second_deadline_does_not_start() {
    let late = |_: Due| OrderInsured {};
    let abort = |_: OrderInsured| OrderCancelled {};
    let orders = Participant::new("orders").owns(Owns, |saga| {
        let saga = saga.deadline(SignedDuration::from_hours(1), late, abort);
        saga.deadline(SignedDuration::from_hours(2), late, abort)
    });
    is_refused(orders, "orders sets the deadline of order_fulfillment twice").await;
}

#[tokio::test]
async fn two_migrations_of_one_number_do_not_start() {
    const FIRST: &[Migration] = &[
        Migration { name: "0001_warranty", sql: "create table warranty ()" },
        Migration { name: "0002_number", sql: "create table number ()" },
    ];
    const SECOND: &[Migration] = &[Migration { name: "0002_paid", sql: "create table paid ()" }];
    let both = Service::new(warranty()).migrations(FIRST).migrations(SECOND);
    let said = start_service(both).await.expect("the service starts");
    let expected = "the migrations 0002_number and 0002_paid have one number: give the later one the next number \
                    that is free";
    assert!(said.contains(expected), "{said}");
}

#[tokio::test]
async fn a_plain_event_in_a_saga_does_not_start() {
    let plain = warranty().saga::<Fulfillment>(|saga| saga.compensatable(Note));
    is_refused(plain, "warranty.warranty_noted.v1 is declared as plain").await;
}

#[tokio::test]
async fn t199_an_event_that_is_named_after_another_service_does_not_start() {
    let foreign = warranty().saga::<Fulfillment>(|saga| saga.compensatable(Insure));
    is_refused(foreign, "warranty publishes orders.order_insured.v1").await;
}

#[tokio::test]
async fn a_service_whose_name_has_spaces_does_not_start() {
    is_refused(Participant::new("Warranty Service"), "\"Warranty Service\"").await;
}

#[tokio::test]
async fn a_step_without_a_name_does_not_start() {
    let nameless = warranty().saga::<Fulfillment>(|saga| saga.compensatable(Nameless));
    is_refused(nameless, "warranty has a step named \"\"").await;
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct WarrantySold {
    number: String,
    paid: bool,
}

impl Event for WarrantySold {
    const TYPE: EventType = EventType::plain("warranty.warranty_sold.v1");
    const KEYS: &'static [Key] = &[Key::of("Warranty", "number"), Key::of("payment", "paid")];
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct WarrantyPaid {
    number: String,
}

impl Event for WarrantyPaid {
    const TYPE: EventType = EventType::plain("warranty.warranty_paid.v1");
    const KEYS: &'static [Key] = &[Key::of("warranty", "nummer")];
}

#[tokio::test]
async fn a_key_that_is_no_field_of_its_event_does_not_start() {
    let sold = || warranty().publishes::<WarrantySold>();
    is_refused(sold(), "warranty declares number of warranty.warranty_sold.v1 as the key").await;
    is_refused(sold(), "a key is text or a number: warranty.warranty_sold.v1 declares paid").await;
    let paid = warranty().publishes::<WarrantyPaid>();
    is_refused(paid, "there is no such field: it has the fields number").await;
}

#[tokio::test]
async fn a_saga_that_is_owned_twice_does_not_start() {
    let orders = Participant::new("orders").owns(Owns, |saga| saga).owns(Owns, |saga| saga);
    is_refused(orders, "orders declares order_fulfillment twice").await;
}

#[test]
fn two_calls_for_one_saga_make_one_part() {
    let twice = warranty()
        .saga::<Fulfillment>(|saga| saga.compensatable(Give))
        .saga::<Fulfillment>(|saga| saga.compensatable(Register));
    let part = twice.part();
    let names: Vec<&str> = part.sagas[0].steps.iter().map(|step| step.name).collect();
    assert_eq!((part.sagas.len(), names), (1, vec!["give_warranty", "register_warranty"]));
}

#[tokio::test]
async fn a_saga_has_the_owner_that_it_names() {
    let another = warranty().owns(Owns, |saga| saga.originates::<WarrantyGiven>("give"));
    is_refused(another, "warranty does for order_fulfillment, which orders owns").await;
    let orders = Participant::new("orders").saga::<Fulfillment>(|saga| saga);
    is_refused(orders, "orders is the owner of order_fulfillment").await;
}

#[tokio::test]
async fn t199_all_broken_rules_are_named_at_once() {
    let wrong = warranty().saga::<Fulfillment>(|saga| {
        saga.compensatable(Give).compensatable(GiveAgain).compensatable(Note)
    });
    let said = start(wrong).await.expect("the service starts");
    let expected = "the declaration of warranty breaks 2 rules:\n  \
                    B005 a step's name is unique in its service: warranty has two steps named \
                    \"give_warranty\", and its ledger would take one for the other: rename one of \
                    them\n  B010 the events of a saga carry its id: warranty.warranty_noted.v1 is declared \
                    as plain, and warranty uses it in order_fulfillment, step \"note_warranty\": \
                    declare it with `in_saga`";
    assert_eq!(said, expected);
}
