//! A service whose own declaration would lose work does not start, and says what to change.

use std::time::Duration;

use ballet::{
    Compensate, CompensateResult, Migration, Never, Participant, Saga, Service, Settings, Step,
    StepResult, Tx, compensated, done,
};
use tokio::time::timeout;

const HANG: Duration = Duration::from_secs(60);

ballet_testkit::events! {
    OrderPlaced = "orders.order_placed.v1"
    OrderCancelled = "orders.order_cancelled.v1"
    WarrantyGiven = "warranty.warranty_given.v1"
    WarrantyNoted = plain "warranty.warranty_noted.v1"
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
}

fn warranty() -> Participant {
    Participant::new("warranty")
}

/// Without servers, a sound service waits for its database.
async fn start(service: Service) -> Option<String> {
    let settings = Settings::new("amqp://u:p@127.0.0.1:1/v", "postgres://u:p@127.0.0.1:1/d");
    let started = timeout(HANG, service.start(settings)).await;
    started.ok().and_then(Result::err).map(|error| error.to_string())
}

#[tokio::test]
async fn two_migrations_of_one_number_do_not_start() {
    const FIRST: &[Migration] = &[
        Migration { name: "0001_warranty", sql: "create table warranty ()" },
        Migration { name: "0002_number", sql: "create table number ()" },
    ];
    const SECOND: &[Migration] = &[Migration { name: "0002_paid", sql: "create table paid ()" }];
    let both = Service::new(warranty()).migrations(FIRST).migrations(SECOND);
    let said = start(both).await.expect("the service starts");
    let expected = "the migrations 0002_number and 0002_paid have one number: give the later one the next number \
                    that is free";
    assert!(said.contains(expected), "{said}");
}

#[tokio::test]
async fn t199_all_broken_rules_are_named_at_once() {
    let wrong = warranty().saga::<Fulfillment>(|saga| {
        saga.compensatable(Give).compensatable(GiveAgain).compensatable(Note)
    });
    let said = start(Service::new(wrong)).await.expect("the service starts");
    let expected = "the declaration of warranty breaks 2 rules:\n  \
                    B005 a step's name is unique in its service: warranty has two steps named \
                    \"give_warranty\", and its ledger would take one for the other: rename one of \
                    them\n  B010 the events of a saga carry its id: warranty.warranty_noted.v1 is declared \
                    as plain, and warranty uses it in order_fulfillment, step \"note_warranty\": \
                    declare it with `in_saga`";
    assert_eq!(said, expected);
}
