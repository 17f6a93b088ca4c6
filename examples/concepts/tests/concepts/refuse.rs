//! Tests of the example `refuse`. The testkit's suite tries its step, too: crashes, two replicas, failing neighbours,
//! and the cancellation before, after and beside the step.

use ballet::{Participant, SagaId};
use ballet_testkit::TestSystem;
use ballet_testkit::steps;
use ballet_testkit::suite::{PublishedEvent, StepCase, StepSuite, published};
use concepts::refuse::{self, HoldSeats, SeatsFreed};
use concepts::ticket_order::{SeatsHeld, SoldOut, TicketOrder, TicketsOrdered};

use crate::compensate::{cancelled, ordered};

const FREE: &str = "select free::bigint from show where show = 'premiere'";

#[tokio::test]
async fn the_last_seats_are_held_and_whoever_comes_after_is_refused() {
    let system = TestSystem::new("refuse", vec![refuse::service()]).await;
    let (first, late) = (system.new_id(), system.new_id());
    system.publish(first, &ordered(first, 2, 0)).await;
    system.publish(late, &ordered(late, 1, 0)).await;
    assert_eq!(system.event::<SeatsHeld>(first).await.seats, 2);
    system.event::<SoldOut>(late).await;
    assert_eq!(system.value::<i64>("hall", FREE).await, 0);

    // The box office aborts both. Only the order that got seats gives some back.
    system.publish(late, &cancelled(late)).await;
    system.publish(first, &cancelled(first)).await;
    system.event::<SeatsFreed>(first).await;
    assert_eq!(system.value::<i64>("hall", FREE).await, 2);
    assert!(system.events::<SeatsFreed>(late).await.is_empty());

    let third = system.new_id();
    system.publish(third, &ordered(third, 2, 0)).await;
    system.event::<SeatsHeld>(third).await;
    system.close(0).await;
}

steps!(hall: hold_seats);

fn hall() -> StepSuite {
    let hall = Participant::new("hall").saga::<TicketOrder>(|saga| saga.compensatable(HoldSeats));
    StepSuite::new(&hall, |_, _| refuse::service())
        // The suite empties all tables, also those that a migration filled.
        .reference("insert into show values ('premiere', 1000)")
        .effects("seats", "select show, free from show")
}

fn hold_seats() -> StepCase {
    StepCase::done_by(|saga| wanted(saga, 2))
        .refused_by(|saga| wanted(saga, 2_000))
        .aborted_by(|saga| vec![published(&cancelled(saga.0))])
        // It cannot be changed.
        .failing_on(
            |_| {
                "alter table show drop constraint if exists broken;
                 insert into show values ('broken', 9) on conflict do nothing;
                 alter table show add constraint broken check (show <> 'broken') not valid"
                    .to_owned()
            },
            |saga| {
                let show = "broken".to_owned();
                vec![published(&TicketsOrdered { show, ..ordered(saga.0, 2, 0) })]
            },
        )
}

fn wanted(saga: SagaId, seats: u16) -> Vec<PublishedEvent> {
    vec![published(&ordered(saga.0, seats, 0))]
}
