//! A compensation that cannot succeed any more, and that a person has done by hand.

use std::time::Duration;

use std::sync::atomic::Ordering;

use ballet::core::EventType;
use ballet::{Clock, Participant, SagaId};
use ballet_ops::redrive::Note;
use ballet_ops::sagas::{ManualCompensation, SolveError, SolvedStep, solve};
use ballet_stage::wait_until;
use ballet_store::inbox::stuck;

use crate::huts::{GuideHired, GuidePaidOff, HutLeft, Huts};
use crate::trip::{TripBooked, TripCancelled};
use crate::world::{SOON, TripWorld, part};

fn trip() -> TripBooked {
    TripBooked { city: "Zermatt".into() }
}

fn cancelled() -> TripCancelled {
    TripCancelled { reason: "the weather".into() }
}

async fn hired(name: &str, huts: &Huts) -> (TripWorld, SagaId) {
    let world = TripWorld::new(name, vec![part(huts.guided(), &[])]).await;
    let saga = world.new_saga();
    world.publish(saga, &trip()).await;
    world.event::<GuideHired>(saga).await;
    (world, saga)
}

async fn by_hand(
    world: &TripWorld,
    participant: &Participant,
    saga: SagaId,
    step: &str,
) -> Result<SolvedStep, SolveError> {
    solve_as(world, participant, saga, step, false).await
}

async fn solve_as(
    world: &TripWorld,
    participant: &Participant,
    saga: SagaId,
    step: &str,
    is_called_off: bool,
) -> Result<SolvedStep, SolveError> {
    let mut db = world.database(participant.service()).await;
    let clock = Clock::system();
    let same = |_: EventType, outcome: &str| Ok(Some(outcome.to_owned()));
    let by_hand = ManualCompensation {
        part: &participant.part(),
        saga,
        step,
        key: None,
        event: &same,
        is_called_off,
        note: Note { by: "ada".into(), why: Some("carried down".into()), at: clock.now() },
        message_id: clock.new_id(clock.now()),
        note_id: clock.new_id(clock.now()),
    };
    solve(&mut db, &by_hand, Duration::ZERO, false).await
}

async fn stuck_in(world: &TripWorld) -> Vec<stuck::StuckEntry> {
    let mut db = world.database("huts").await;
    stuck::list(&mut db, 100).await.expect("a list")
}

async fn until_stuck(world: &TripWorld, reason: &str) {
    wait_until(reason, SOON, || async {
        let stuck = stuck_in(world).await;
        let is_it = stuck.iter().any(|one| one.detail.contains(reason));
        if is_it { Ok(Some(())) } else { Err(format!("{stuck:?}")) }
    })
    .await
    .expect("stuck");
}

async fn until_nothing_is_stuck(world: &TripWorld) {
    wait_until("nothing to be stuck", SOON, || async {
        let stuck = stuck_in(world).await;
        if stuck.is_empty() { Ok(Some(())) } else { Err(format!("{stuck:?}")) }
    })
    .await
    .expect("nothing");
}

/// Tries until no attempt is in the way.
pub(crate) async fn when_free<T>(
    act: impl AsyncFn() -> Result<T, SolveError>,
) -> Result<T, SolveError> {
    wait_until("a pause between two attempts", SOON, || async {
        match act().await {
            Err(SolveError::Running(_)) => Ok::<_, String>(None),
            ended => Ok(Some(ended)),
        }
    })
    .await
    .expect("an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn t153_an_undo_that_calls_a_provider_who_is_gone_is_solved_and_the_earlier_steps_go_on() {
    let huts = Huts::default();
    let part_of = huts.guided();
    let (world, saga) = hired("solved", &huts).await;
    let early = by_hand(&world, &part_of, saga, "hire_guide").await;
    assert!(matches!(early, Err(SolveError::Refused(_))), "{early:?}");

    huts.gone.store(true, Ordering::SeqCst);
    huts.snow.store(true, Ordering::SeqCst);
    world.publish(saga, &cancelled()).await;
    until_stuck(&world, "moved away").await;
    let order = by_hand(&world, &part_of, saga, "hold_hut").await;
    let order = order.expect_err("the guide comes first").to_string();
    assert!(order.contains("hire_guide comes first") && order.contains("reverse"), "{order}");

    let solved = when_free(async || by_hand(&world, &part_of, saga, "hire_guide").await)
        .await
        .expect("solved");
    assert_eq!((solved.earlier, solved.failed), (vec!["hold_hut".to_owned()], None));
    assert_eq!(world.event::<GuidePaidOff>(saga).await, GuidePaidOff { city: "Zermatt".into() });
    world.until_count("huts", "ballet.call where closed_at is null", 0).await;
    let again = by_hand(&world, &part_of, saga, "hire_guide").await.expect_err("once").to_string();
    assert!(again.contains("ada has solved it by hand (carried down)"), "{again}");

    // The earlier step fails, too, until it is tried again.
    until_stuck(&world, "it snows").await;
    huts.snow.store(false, Ordering::SeqCst);
    assert_eq!(world.event::<HutLeft>(saga).await, HutLeft { city: "Zermatt".into() });
    until_nothing_is_stuck(&world).await;

    huts.gone.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        world.publish(saga, &cancelled()).await;
    }
    world.until_count("huts", "ballet.inbox", 6).await;
    assert_eq!(huts.letters.asked(), Vec::<String>::new(), "nobody asks the guide any more");
    assert_eq!(world.events::<GuidePaidOff>(saga).await.len(), 1);
    assert_eq!(world.events::<HutLeft>(saga).await.len(), 1);
    assert_eq!(world.count("huts", "ballet.solved where solved_by = 'ada'").await, 1);
    assert_eq!(world.dead_letters(0).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_of_an_undo_counts_while_the_compensation_of_an_earlier_step_fails() {
    let huts = Huts::default();
    huts.snow.store(true, Ordering::SeqCst);
    let part_of = huts.guided();
    let (world, saga) = hired("undo_counts", &huts).await;
    world.publish(saga, &cancelled()).await;
    until_stuck(&world, "it snows").await;
    let stuck = stuck_in(&world).await;
    assert_eq!(stuck.iter().map(|one| &*one.handler).collect::<Vec<_>>(), ["abort"]);
    world.event::<GuidePaidOff>(saga).await;
    assert_eq!(world.count("huts", "ballet.call where closed_at is null").await, 0);
    assert_eq!(huts.letters.asked().len(), 1);

    // A failing compensation can be solved by hand, and one that was done is not called again.
    let guide = by_hand(&world, &part_of, saga, "hire_guide").await.expect_err("it is");
    assert!(guide.to_string().contains("the service has done it"), "{guide}");
    let hut = when_free(async || by_hand(&world, &part_of, saga, "hold_hut").await)
        .await
        .expect("solved");
    assert_eq!(hut.earlier, Vec::<String>::new());
    world.event::<HutLeft>(saga).await;
    until_nothing_is_stuck(&world).await;
    world.until_count("huts", "ballet.solved where next_at is null and solved_by = 'ada'", 1).await;
    assert_eq!(world.count("huts", "ballet.solved").await, 1, "only a person's is kept");
    assert_eq!(world.events::<GuidePaidOff>(saga).await.len(), 1);
    assert_eq!(world.events::<HutLeft>(saga).await.len(), 1);
    assert_eq!(huts.letters.asked().len(), 1);
}

/// The guide has the letter, and will compensate by himself some day.
async fn taken(name: &str) -> (TripWorld, Huts, SagaId) {
    let huts = Huts::default();
    let (world, saga) = hired(name, &huts).await;
    huts.takes.store(true, Ordering::SeqCst);
    world.publish(saga, &cancelled()).await;
    (world, huts, saga)
}

#[tokio::test(flavor = "multi_thread")]
async fn t207_what_the_other_side_has_taken_is_not_solved_by_hand_until_it_is_called_off() {
    let (world, huts, saga) = taken("taken").await;
    let taken = "ballet.call where undo and owner = 0 and attempts = 0 and last_error is not null";
    world.until_count("huts", taken, 1).await;
    let part_of = huts.guided();
    let solved = by_hand(&world, &part_of, saga, "hire_guide").await;
    assert!(matches!(solved, Err(SolveError::Refused(_))), "{solved:?}");
    // A later failure changes nothing, because he has the letter.
    huts.takes.store(false, Ordering::SeqCst);
    huts.gone.store(true, Ordering::SeqCst);
    world.execute("huts", "update ballet.call set next_at = now() where undo").await;
    until_stuck(&world, "moved away").await;
    let solved = when_free(async || by_hand(&world, &part_of, saga, "hire_guide").await).await;
    assert!(matches!(solved, Err(SolveError::Refused(_))), "{solved:?}");
    assert_eq!(world.count("huts", "ballet.solved").await, 0);
    let solved =
        when_free(async || solve_as(&world, &part_of, saga, "hire_guide", true).await).await;
    assert_eq!(solved.expect("solved").earlier, ["hold_hut"]);
    world.event::<HutLeft>(saga).await;
}
