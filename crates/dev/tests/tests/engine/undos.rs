//! Compensations: in reverse order, once each, and only of steps that were done.

use ballet::{Failure, Projection, SagaId, Tx};
use ballet_stage::wait_until;

use crate::garage::{
    LiftFreed, LiftHeld, NO_PART, NoteMade, PartOrdered, PartReturned, Supplier, garage,
};
use crate::trip::{HOTEL_TABLES, RoomBooked, RoomFreed, TripBooked, TripCancelled, Trouble, hotel};
use crate::world::{SOON, TripWorld, part};

fn trip_to(city: &str) -> TripBooked {
    TripBooked { city: city.to_owned() }
}

fn cancelled() -> TripCancelled {
    TripCancelled { reason: "test".into() }
}

/// A saga in which the garage has done all of its steps.
async fn all_done(world: &TripWorld, city: &str) -> SagaId {
    let saga = world.new_saga();
    world.publish(saga, &trip_to(city)).await;
    world.event::<NoteMade>(saga).await;
    saga
}

/// Waits until everything before has been handled: the queue is worked off in order.
async fn caught_up(world: &TripWorld) {
    let other = world.new_saga();
    world.publish(other, &trip_to(NO_PART)).await;
    world.event::<LiftHeld>(other).await;
}

#[tokio::test]
async fn t91_t94_an_earlier_step_is_undone_only_after_the_undo_of_the_later_one_is_answered() {
    let supplier = Supplier::new(0);
    let world = TripWorld::new("reverse", vec![garage(&supplier)]).await;
    let saga = all_done(&world, "Rome").await;
    for _ in 0..3 {
        world.publish(saga, &cancelled()).await;
    }
    caught_up(&world).await;
    assert_eq!(world.count("garage", "ballet.ledger where entry = 'undoing'").await, 1);
    assert_eq!(world.count("garage", "lift where state = 'free'").await, 0);
    supplier.take_back(10);
    world.event::<LiftFreed>(saga).await;
    world.publish(saga, &cancelled()).await;
    caught_up(&world).await;
    let in_reverse = "ballet.ledger part join ballet.ledger lift using (saga_id, entry) \
                      where entry = 'undone' and part.step = 'order_part' \
                      and lift.step = 'hold_lift' and part.ordinal < lift.ordinal";
    assert_eq!(world.count("garage", in_reverse).await, 1);
    assert_eq!(supplier.asked("return").len(), 1);
    assert_eq!(world.events::<PartReturned>(saga).await.len(), 1);
    assert_eq!(world.events::<LiftFreed>(saga).await.len(), 1);
}

#[tokio::test]
async fn t101_a_step_without_a_compensation_is_left_as_it_is() {
    let world = TripWorld::new("left", vec![garage(&Supplier::new(1))]).await;
    let saga = all_done(&world, "Rome").await;
    world.publish(saga, &cancelled()).await;
    world.event::<LiftFreed>(saga).await;
    assert_eq!(world.count("garage", "ballet.ledger where entry = 'undone'").await, 2);
    let noted = "ballet.ledger where step = 'make_note'";
    assert_eq!(world.count("garage", noted).await, 1, "done, and nothing more");
    assert!(world.seen().await.iter().all(|m| m["exchange"] != "dead"));
}

#[tokio::test]
async fn t102_what_a_step_need_not_do_is_neither_done_nor_undone() {
    let supplier = Supplier::new(1);
    let world = TripWorld::new("needless", vec![garage(&supplier)]).await;
    let saga = all_done(&world, NO_PART).await;
    world.publish(saga, &cancelled()).await;
    world.event::<LiftFreed>(saga).await;
    assert!(supplier.asked("order").is_empty());
    assert!(supplier.asked("return").is_empty());
    assert_eq!(world.count("garage", "ballet.call").await, 0);
    assert!(world.events::<PartReturned>(saga).await.is_empty());
}

#[tokio::test]
async fn t99_t100_t117_an_undo_that_cannot_be_done_is_a_dead_letter_until_a_person_acts() {
    let supplier = Supplier::new(1);
    let mut world = TripWorld::new("stuck", vec![garage(&supplier)]).await;
    let saga = all_done(&world, NO_PART).await;
    let mut db = world.database("garage").await;
    let mut lift_is = async |state: &str| {
        let changed = sqlx::query("update lift set state = $1").bind(state).execute(&mut db).await;
        assert_eq!(changed.expect("changed").rows_affected(), 1);
    };
    lift_is("in use").await;
    let abort = world.publish(saga, &cancelled()).await;
    let dead = world.dead_letters(1).await;
    let headers = &dead[0]["properties"]["headers"];
    assert_eq!(headers["x-dead-reason"], "permanent");
    assert_eq!(headers["x-dead-step"], "abort");
    assert_eq!(headers["x-dead-detail"], "the lift is not as it was when it was held");
    assert_eq!(dead[0]["properties"]["correlation_id"], saga.to_string());
    assert_eq!(world.count("garage", "lift where state = 'in use'").await, 1, "not overwritten");
    assert_eq!(world.count("garage", "ballet.ledger where entry = 'aborted'").await, 1);

    world.services.pop().expect("the garage").stop().await;
    world.start(garage(&supplier)).await;
    lift_is("held").await;
    caught_up(&world).await;
    assert!(world.events::<LiftFreed>(saga).await.is_empty(), "nothing tries it by itself");
    world.publish_as(&abort, saga, &cancelled()).await;
    world.event::<LiftFreed>(saga).await;
    assert_eq!(world.count("garage", "ballet.ledger where entry = 'aborted'").await, 1);
    assert_eq!(world.dead_letters(1).await.len(), 1);
}

#[tokio::test]
async fn t171_an_effect_outside_whose_record_rolled_back_is_undone_all_the_same() {
    let supplier = Supplier::new(1);
    supplier.unreadable(true);
    let world = TripWorld::new("outside", vec![garage(&supplier)]).await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("Rome")).await;
    wait_until("an answer that rolled back", SOON, || async {
        Ok::<_, String>((supplier.asked("order").len() > 1).then_some(()))
    })
    .await
    .expect("asked again");
    world.publish(saga, &cancelled()).await;
    world.until_count("garage", "ballet.ledger where entry = 'aborted'", 1).await;
    assert_eq!(world.count("garage", "part").await, 0);
    supplier.unreadable(false);
    world.event::<LiftFreed>(saga).await;
    let mut orders = supplier.asked("order");
    orders.dedup();
    assert_eq!(orders.len(), 1, "always under one key");
    assert_eq!(supplier.asked("return").len(), 1);
    assert!(world.events::<PartOrdered>(saga).await.is_empty(), "nobody was told of it");
    assert_eq!(world.count("garage", "part").await, 0);
}

/// Follows aborts, beside the compensation of its service, and fails at first.
struct Follower(Trouble);

impl Projection for Follower {
    const NAME: &'static str = "follower";
    type On = TripCancelled;

    async fn apply(&self, _: &mut Tx<'_>, _: TripCancelled) -> Result<(), Failure> {
        if self.0.strikes() { Err(Failure::transient("away for a while")) } else { Ok(()) }
    }
}

#[tokio::test]
async fn t98_an_abort_is_not_given_up_because_another_handler_of_it_fails() {
    let follower = Follower(Trouble::default().times(4));
    let hotel = hotel(Trouble::default()).projects(follower);
    let world = TripWorld::new("follower", vec![part(hotel, HOTEL_TABLES)]).await;
    let saga = world.new_saga();
    world.publish(saga, &trip_to("Rome")).await;
    world.event::<RoomBooked>(saga).await;
    world.publish(saga, &cancelled()).await;
    world.until_count("hotel", "ballet.ledger where entry = 'aborted'", 1).await;
    world.event::<RoomFreed>(saga).await;
    assert!(world.seen().await.iter().all(|m| m["exchange"] != "dead"));
}
