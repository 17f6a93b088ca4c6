//! Calls that wait for a person, because the other side may have forgotten their keys.

use std::time::Duration;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ballet::core::System;
use ballet::{Clock, Failure, Participant, SagaId};
use ballet_ops::audit::{BrokerSnapshot, Report, audit};
use ballet_ops::redrive::Note;
use ballet_ops::sagas::{AnsweredCall, CallFollowUp, CallOutcome, KnownCall, SolveError, answer};
use ballet_stage::wait_until;
use jiff::SignedDuration;
use sqlx::{Connection, PgConnection};

use crate::car_hire::{A_DAY, CarHire, book, cancel, let_the_call_age};
use crate::trip::{CarRefused, CarRented, CarReturned};
use crate::world::{SOON, TripWorld, part};

/// A car hire whose line is cut until it opens. It cannot be asked what it did, and remembers keys for a day.
#[derive(Clone, Default)]
struct Counter {
    is_open: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Counter {
    fn cars(&self) -> Participant {
        let Self { is_open, asked } = self.clone();
        let hire = CarHire::new(move |deal| {
            if deal.starts_with("back from") {
                return Ok(());
            }
            asked.fetch_add(1, Ordering::SeqCst);
            if is_open.load(Ordering::SeqCst) {
                return Ok(());
            }
            Err(Failure::transient("the line is cut"))
        });
        CarHire { kept: Some(A_DAY), looks_up: false, ..hire }.cars()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A call whose answer was lost a day ago, so that it waits for a person.
async fn set_aside(name: &str) -> (TripWorld, Counter, SagaId) {
    let counter = Counter::default();
    let world = TripWorld::new(name, vec![part(counter.cars(), &[])]).await;
    let saga = book(&world, "Rome").await;
    let_the_call_age(&world).await;
    world.execute("cars", "update ballet.call set next_at = now() where owner = 0").await;
    world.until_count("cars", "ballet.call where next_at = 'infinity'", 1).await;
    (world, counter, saga)
}

/// Records what Ada, an operator, knows of the call.
async fn say_once(
    world: &TripWorld,
    counter: &Counter,
    saga: SagaId,
    outcome: CallOutcome,
) -> Result<AnsweredCall, SolveError> {
    let mut db = PgConnection::connect(world.env.database_url("cars")).await.expect("connected");
    let part = counter.cars().part();
    let why = Some("asked at the counter".to_owned());
    let known = KnownCall {
        part: &part,
        saga,
        step: "rent_car",
        key: None,
        outcome,
        is_called_off: false,
        note: Note { by: "ada".into(), why, at: Clock::system().now() },
    };
    answer(&mut db, &known, Duration::ZERO, false).await
}

/// The same, as soon as no attempt is in the way.
async fn say(
    world: &TripWorld,
    counter: &Counter,
    saga: SagaId,
    outcome: &CallOutcome,
) -> Result<AnsweredCall, SolveError> {
    wait_until("a pause between two attempts", SOON, || async {
        match say_once(world, counter, saga, outcome.clone()).await {
            Err(SolveError::Running { .. }) => Ok::<_, String>(None),
            ended => Ok(Some(ended)),
        }
    })
    .await
    .expect("an end")
}

fn answer_of(json: &str) -> CallOutcome {
    CallOutcome::Answer(json.to_owned())
}

async fn audited(world: &TripWorld, counter: &Counter) -> Report {
    let system = System { name: "trips", parts: vec![counter.cars().part()] };
    let databases = [("cars".to_owned(), world.env.database_url("cars").to_owned())];
    audit(&system, &databases, &BrokerSnapshot::default(), SignedDuration::ZERO).await
}

#[tokio::test]
async fn what_a_person_says_of_a_call_goes_through_its_step_as_an_answer_does() {
    let (world, counter, saga) = set_aside("person_knows").await;
    let asked = counter.asked();
    let wrong = say(&world, &counter, saga, &answer_of("yes")).await;
    assert!(matches!(wrong, Err(SolveError::WrongAnswer(_))), "{wrong:?}");

    // The step does not know such an answer. It is listed, and nobody is asked.
    let told = say(&world, &counter, saga, &answer_of("\"perhaps\"")).await.expect("told");
    assert_eq!((told.step.as_str(), told.then), ("rent_car", CallFollowUp::TakesIn));
    let unknown = "ballet.call where attempts > 0 and last_error like '%cannot be decoded%'";
    world.until_count("cars", unknown, 1).await;
    say(&world, &counter, saga, &answer_of("true")).await.expect("told");
    assert_eq!(world.event::<CarRented>(saga).await, CarRented { car: "Rome".into() });
    assert_eq!(counter.asked(), asked);
    assert_eq!(world.count("cars", "ballet.call where closed_at is null").await, 0);
    let late = say(&world, &counter, saga, &answer_of("false")).await;
    assert!(matches!(late, Err(SolveError::NotCalling { .. })), "{late:?}");

    // Check who said it, and what the audit reports of it.
    let noted = "ballet.intervention where act = 'answered' and done_by = 'ada'";
    assert_eq!(world.count("cars", noted).await, 2);
    let report = audited(&world, &counter).await;
    let said = &report.by_hand[&(saga.0, "cars".to_owned())];
    assert_eq!(said, "ada said what became of the call of rent_car: asked at the counter");
    assert_eq!(report.stuck, [""; 0]);
}

#[tokio::test]
async fn a_call_that_a_person_knows_of_is_compensated_if_its_saga_was_aborted_meanwhile() {
    let (world, counter, saga) = set_aside("person_late").await;
    cancel(&world, saga).await;
    say(&world, &counter, saga, &answer_of("true")).await.expect("told");
    world.event::<CarReturned>(saga).await;
    assert_eq!(world.events::<CarRented>(saga).await, [], "nobody waits for it");
}

#[tokio::test]
async fn a_call_of_an_aborted_saga_ends_when_a_person_knows_that_nothing_was_done() {
    let (world, counter, saga) = set_aside("person_nothing").await;
    let asked = counter.asked();
    cancel(&world, saga).await;
    let told = say(&world, &counter, saga, &CallOutcome::NothingDone).await.expect("told");
    assert_eq!(told.then, CallFollowUp::Ends);
    world.until_count("cars", "ballet.ledger where entry = 'refused'", 1).await;
    assert_eq!(world.count("cars", "ballet.call where closed_at is null").await, 0);
    assert_eq!(counter.asked(), asked);
    assert_eq!(world.events::<CarRefused>(saga).await, [], "nobody waits for it");
    assert_eq!(world.events::<CarReturned>(saga).await, []);
}

#[tokio::test]
async fn a_call_is_made_anew_when_a_person_knows_that_nothing_was_done() {
    let (world, counter, saga) = set_aside("person_anew").await;
    let asked = counter.asked();
    counter.is_open.store(true, Ordering::SeqCst);
    let told = say(&world, &counter, saga, &CallOutcome::NothingDone).await.expect("told");
    assert_eq!(told.then, CallFollowUp::Makes);
    world.event::<CarRented>(saga).await;
    assert_eq!(counter.asked(), asked + 1);
    // The outcome is the rental's own, so it excuses nothing.
    assert_eq!(world.count("cars", "ballet.intervention where act = 'answered'").await, 1);
    let by_hand = audited(&world, &counter).await.by_hand;
    assert!(by_hand.is_empty(), "{by_hand:?}");
}

#[tokio::test]
async fn while_a_call_is_out_or_was_not_asked_before_nobody_says_what_became_of_it() {
    let (world, counter, saga) = set_aside("person_waits").await;
    world.execute("cars", "update ballet.call set out_until = now() + interval '1 hour'").await;
    let running = say_once(&world, &counter, saga, answer_of("true")).await;
    assert!(matches!(running, Err(SolveError::Running { .. })), "{running:?}");
    world.execute("cars", "update ballet.call set out_until = null, last_error = null").await;
    let new = say_once(&world, &counter, saga, answer_of("true")).await;
    assert!(matches!(new, Err(SolveError::NotFailing { .. })), "{new:?}");
    // The other side has it, and is asked for its outcome again.
    let taken = "update ballet.call set last_error = 'wait', attempts = 0, taken_at = now(), \
                 next_at = now() + interval '1 hour'";
    world.execute("cars", taken).await;
    let taken = say_once(&world, &counter, saga, answer_of("true")).await;
    assert!(matches!(taken, Err(SolveError::Taken { .. })), "{taken:?}");
    let other = say_once(&world, &counter, world.new_saga(), answer_of("true")).await;
    assert!(matches!(other, Err(SolveError::UnknownSaga { .. })), "{other:?}");
}
