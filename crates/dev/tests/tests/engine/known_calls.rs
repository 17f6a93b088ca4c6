//! Calls that wait for a person, because the provider may have forgotten their keys.

use std::time::Duration;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ballet::core::System;
use ballet::{Clock, Failure, Participant, SagaId};
use ballet_ops::audit::{BrokerSnapshot, Report, audit};
use ballet_ops::redrive::Note;
use ballet_ops::sagas::{AnsweredCall, CallFollowUp, CallOutcome, KnownCall, SolveError, answer};
use ballet_store::inbox::stuck;
use jiff::SignedDuration;

use crate::car_hire::{A_DAY, CarHire, book, cancel, let_the_calls_age};
use crate::compensations_by_hand::when_free;
use crate::trip::{CarRefused, CarRented, CarReturned};
use crate::world::{TripWorld, part};

/// Its line is cut until it opens. It cannot be asked what it did, and remembers keys for a day.
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

/// Makes calls whose answers were lost a day ago, so that they wait for a person.
async fn set_aside(counter: &Counter) -> (TripWorld, [SagaId; 4]) {
    let world = TripWorld::new("person_knows", vec![part(counter.cars(), &[])]).await;
    let mut sagas = [SagaId(uuid::Uuid::nil()); 4];
    for saga in &mut sagas {
        *saga = book(&world, "Rome").await;
    }
    // As if stored while the clock was ahead: they are new, and are made.
    let ahead = "update ballet.call set created_at = now() + interval '25 hours'";
    world.execute("cars", ahead).await;
    world.until_count("cars", "ballet.call where attempts > 4 and next_at < 'infinity'", 4).await;
    let_the_calls_age(&world, 4).await;
    world.execute("cars", "update ballet.call set next_at = now() where owner = 0").await;
    world.until_count("cars", "ballet.call where next_at = 'infinity'", 4).await;
    let mut db = world.database("cars").await;
    for stuck in stuck::list(&mut db, 10).await.expect("a list") {
        assert!(stuck.next_at.is_none(), "it waits for a person: {stuck:?}");
        assert!(stuck.detail.contains("may have forgotten this one"), "{stuck:?}");
    }
    let report = audited(&world, counter).await;
    assert!(!report.needs_nobody(), "{report}");
    assert!(report.stuck[0].contains("may have forgotten this one"), "{report}");
    (world, sagas)
}

/// What Ada, an operator, knows of the call.
async fn say_once(
    world: &TripWorld,
    counter: &Counter,
    saga: SagaId,
    outcome: CallOutcome,
) -> Result<AnsweredCall, SolveError> {
    let mut db = world.database("cars").await;
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

/// Tries until no attempt is in the way.
async fn say(
    world: &TripWorld,
    counter: &Counter,
    saga: SagaId,
    outcome: &CallOutcome,
) -> Result<AnsweredCall, SolveError> {
    when_free(async || say_once(world, counter, saga, outcome.clone()).await).await
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
async fn t204_what_a_person_says_of_a_call_goes_through_its_step_as_an_answer_does() {
    let counter = Counter::default();
    let (world, [answered, aborted, ended, anew]) = set_aside(&counter).await;
    nobody_says_too_early(&world, &counter, answered).await;
    is_taken_in(&world, &counter, answered).await;
    is_compensated_if_aborted_meanwhile(&world, &counter, aborted).await;
    ends_if_nothing_was_done(&world, &counter, ended).await;
    is_made_anew_if_nothing_was_done(&world, &counter, anew).await;
    assert_eq!(audited(&world, &counter).await.stuck, [""; 0]);
}

/// While a call is out, or was not asked before, no outcome can be recorded.
async fn nobody_says_too_early(world: &TripWorld, counter: &Counter, saga: SagaId) {
    let set = async |what: &str| {
        let sql = format!("update ballet.call set {what} where saga_id = '{saga}'");
        world.execute("cars", &sql).await;
    };
    set("out_until = now() + interval '1 hour'").await;
    let running = say_once(world, counter, saga, answer_of("true")).await;
    assert!(matches!(running, Err(SolveError::Running(_))), "{running:?}");
    set("out_until = null, last_error = null").await;
    let new = say_once(world, counter, saga, answer_of("true")).await;
    assert!(matches!(new, Err(SolveError::Refused(_))), "{new:?}");
    // The provider has it, and is asked for its outcome again.
    set("last_error = 'wait', attempts = 0, taken_at = now(), next_at = now() + interval '1 hour'")
        .await;
    let taken = say_once(world, counter, saga, answer_of("true")).await;
    assert!(matches!(taken, Err(SolveError::Refused(_))), "{taken:?}");
    let other = say_once(world, counter, world.new_saga(), answer_of("true")).await;
    assert!(matches!(other, Err(SolveError::Refused(_))), "{other:?}");
    set("last_error = 'lost', attempts = 5, taken_at = null, next_at = 'infinity'").await;
}

async fn is_taken_in(world: &TripWorld, counter: &Counter, saga: SagaId) {
    let asked = counter.asked();
    let wrong = say(world, counter, saga, &answer_of("yes")).await;
    assert!(matches!(wrong, Err(SolveError::Refused(_))), "{wrong:?}");

    // The step does not know such an answer. It is listed, and no call is made.
    let told = say(world, counter, saga, &answer_of("\"perhaps\"")).await.expect("told");
    assert_eq!((told.step.as_str(), told.then), ("rent_car", CallFollowUp::TakesIn));
    let unknown = "ballet.call where attempts > 0 and last_error like '%cannot be decoded%'";
    world.until_count("cars", unknown, 1).await;
    say(world, counter, saga, &answer_of("true")).await.expect("told");
    assert_eq!(world.event::<CarRented>(saga).await, CarRented { car: "Rome".into() });
    assert_eq!(counter.asked(), asked);
    is_closed(world, saga).await;
    let late = say(world, counter, saga, &answer_of("false")).await;
    assert!(matches!(late, Err(SolveError::Refused(_))), "{late:?}");

    let noted = "ballet.intervention where act = 'answered' and done_by = 'ada'";
    assert_eq!(world.count("cars", noted).await, 2);
    let report = audited(world, counter).await;
    let said = &report.by_hand[&(saga.0, "cars".to_owned())];
    assert_eq!(said, "ada said what became of the call of rent_car: asked at the counter");
}

async fn is_closed(world: &TripWorld, saga: SagaId) {
    let open = format!("ballet.call where saga_id = '{saga}' and closed_at is null");
    assert_eq!(world.count("cars", &open).await, 0);
}

async fn is_compensated_if_aborted_meanwhile(world: &TripWorld, counter: &Counter, saga: SagaId) {
    cancel(world, saga).await;
    say(world, counter, saga, &answer_of("true")).await.expect("told");
    world.event::<CarReturned>(saga).await;
    assert_eq!(world.events::<CarRented>(saga).await, [], "nobody waits for it");
}

async fn ends_if_nothing_was_done(world: &TripWorld, counter: &Counter, saga: SagaId) {
    let asked = counter.asked();
    cancel(world, saga).await;
    let told = say(world, counter, saga, &CallOutcome::NothingDone).await.expect("told");
    assert_eq!(told.then, CallFollowUp::Ends);
    let refused = format!("ballet.ledger where saga_id = '{saga}' and entry = 'refused'");
    world.until_count("cars", &refused, 1).await;
    is_closed(world, saga).await;
    assert_eq!(counter.asked(), asked);
    assert_eq!(world.events::<CarRefused>(saga).await, [], "nobody waits for it");
    assert_eq!(world.events::<CarReturned>(saga).await, []);
}

async fn is_made_anew_if_nothing_was_done(world: &TripWorld, counter: &Counter, saga: SagaId) {
    let asked = counter.asked();
    counter.is_open.store(true, Ordering::SeqCst);
    let told = say(world, counter, saga, &CallOutcome::NothingDone).await.expect("told");
    assert_eq!(told.then, CallFollowUp::Makes);
    world.event::<CarRented>(saga).await;
    assert_eq!(counter.asked(), asked + 1);
    // The outcome is the rental's own, so it excuses nothing.
    let by_hand = audited(world, counter).await.by_hand;
    assert!(!by_hand.contains_key(&(saga.0, "cars".to_owned())), "{by_hand:?}");
}
