//! Two sagas under one id: a purchase and its insurance, which one event begins. They share the id
//! and nothing else.

use ballet::{
    Abort, Compensate, CompensateResult, Due, Failure, Never, Owner, Participant, Saga, Step,
    StepResult, Tx, compensated, done,
};
use jiff::{SignedDuration, Timestamp};

use crate::world::{TripWorld, part};

ballet_testkit::events! {
    DealWanted = starts_saga "agency.deal_wanted.v1"
    PurchaseBegun = "market.purchase_begun.v1"
    PurchaseOverdue = "market.purchase_overdue.v1" { due_at: Timestamp }
    PurchaseCancelled = "market.purchase_cancelled.v1"
    PurchaseConfirmed = "market.purchase_confirmed.v1"
    CoverBegun = "market.cover_begun.v1"
    CoverOverdue = "market.cover_overdue.v1" { due_at: Timestamp }
    CoverCancelled = "market.cover_cancelled.v1"
    CoverConfirmed = "market.cover_confirmed.v1"
    GoodsHeld = "depot.goods_held.v1"
    GoodsFreed = "depot.goods_freed.v1"
    CoverNoted = "depot.cover_noted.v1"
    CoverDropped = "depot.cover_dropped.v1"
}

struct Purchase;

impl Saga for Purchase {
    const NAME: &'static str = "purchase";
    const OWNER: &'static str = "market";
    type Abort = PurchaseCancelled;
}

struct Cover;

impl Saga for Cover {
    const NAME: &'static str = "cover";
    const OWNER: &'static str = "market";
    type Abort = CoverCancelled;
}

/// An owner without rows of its own.
macro_rules! owners {
    ($($owner:ident of $saga:ident)+) => {$(
        struct $owner;
        impl Owner for $owner {
            type Saga = $saga;
            async fn abort(&self, _: &mut Tx<'_>, _: &<$saga as Saga>::Abort) -> Result<(), Failure> {
                Ok(())
            }
        }
    )+};
}

owners! { PurchaseOwner of Purchase  CoverOwner of Cover }

/// Steps without rows of their own.
macro_rules! steps {
    ($($step:ident = $name:literal: $on:ident -> $done:ident or $refused:ty)+) => {$(
        struct $step;
        impl Step for $step {
            const NAME: &'static str = $name;
            type On = $on;
            type Done = $done;
            type Refused = $refused;
            async fn run(&self, _: &mut Tx<'_>, _: $on) -> StepResult<Self> {
                done($done {})
            }
        }
    )+};
}

steps! {
    BeginPurchase = "begin_purchase": DealWanted -> PurchaseBegun or PurchaseCancelled
    BeginCover = "begin_cover": DealWanted -> CoverBegun or CoverCancelled
    ConfirmPurchase = "confirm_purchase": GoodsHeld -> PurchaseConfirmed or Never
    ConfirmCover = "confirm_cover": CoverNoted -> CoverConfirmed or Never
    HoldGoods = "hold_goods": PurchaseBegun -> GoodsHeld or Never
    NoteCover = "note_cover": CoverBegun -> CoverNoted or Never
}

macro_rules! compensations {
    ($($step:ident -> $undone:ident)+) => {$(
        impl Compensate for $step {
            type Compensated = $undone;
            async fn compensate(
                &self,
                _: &mut Tx<'_>,
                _: <Self as Step>::Done,
            ) -> CompensateResult<Self> {
                compensated($undone {})
            }
        }
    )+};
}

compensations! { HoldGoods -> GoodsFreed  NoteCover -> CoverDropped }

fn market() -> Participant {
    let hour = SignedDuration::from_hours(1);
    Participant::new("market")
        .owns(PurchaseOwner, |saga| {
            saga.deadline(
                hour,
                |due: Due| PurchaseOverdue { due_at: due.at },
                |_: PurchaseOverdue| PurchaseCancelled {},
            )
            .starts(BeginPurchase)
            .decides(ConfirmPurchase)
        })
        .owns(CoverOwner, |saga| {
            saga.deadline(
                hour,
                |due: Due| CoverOverdue { due_at: due.at },
                |_: CoverOverdue| CoverCancelled {},
            )
            .starts(BeginCover)
            .decides(ConfirmCover)
        })
}

fn depot() -> Participant {
    Participant::new("depot")
        .saga::<Purchase>(|saga| saga.compensatable(HoldGoods))
        .saga::<Cover>(|saga| saga.compensatable(NoteCover))
}

#[tokio::test(flavor = "multi_thread")]
async fn t179_one_event_begins_two_sagas_and_the_end_of_one_leaves_the_other() {
    let parts = || vec![part(market(), &[]), part(depot(), &[])];
    let mut world = TripWorld::new("two_sagas", parts()).await;
    world.services.pop().expect("the depot").stop().await;
    let saga = world.new_saga();
    world.publish(saga, &DealWanted {}).await;
    world.event::<PurchaseBegun>(saga).await;
    world.event::<CoverBegun>(saga).await;
    assert_eq!(world.count("market", "ballet.deadline").await, 2, "one for each saga");

    let mut unit = world.handle(0).saga_unit(saga).await.expect("a transaction");
    let abort = unit.abort::<Purchase>(PurchaseCancelled {}).await.expect("an answer");
    assert_eq!(abort, Abort::Aborted);
    unit.commit().await.expect("committed");
    assert_eq!(world.count("market", "ballet.deadline where saga = 'cover'").await, 1);
    assert_eq!(world.count("market", "ballet.deadline").await, 1, "that of the other is kept");

    // The depot does both, undoes one, and the market confirms the other.
    world.start(part(depot(), &[])).await;
    world.event::<GoodsFreed>(saga).await;
    world.event::<CoverConfirmed>(saga).await;
    assert_eq!(world.count("market", "ballet.deadline").await, 0);
    assert_eq!(world.events::<CoverDropped>(saga).await, []);
    assert_eq!(world.events::<PurchaseConfirmed>(saga).await, []);

    // It has begun: a second beginning changes neither.
    world.publish(saga, &DealWanted {}).await;
    world.until_count("market", "ballet.inbox", 4).await;
    assert_eq!(world.events::<PurchaseBegun>(saga).await.len(), 1);
    assert_eq!(world.dead_letters(0).await, Vec::<serde_json::Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn t179_a_tombstone_that_comes_first_covers_its_own_saga_only() {
    let world = TripWorld::new("own_tombstone", vec![part(depot(), &[])]).await;
    let saga = world.new_saga();
    world.publish(saga, &PurchaseCancelled {}).await;
    world.until_count("depot", "ballet.ledger where entry = 'aborted'", 1).await;
    world.publish(saga, &PurchaseBegun {}).await;
    world.publish(saga, &CoverBegun {}).await;
    world.event::<CoverNoted>(saga).await;
    world.until_count("depot", "ballet.inbox", 3).await;
    assert_eq!(world.events::<GoodsHeld>(saga).await, []);

    // Then the other ends too, and nothing is undone twice.
    world.publish(saga, &CoverCancelled {}).await;
    world.event::<CoverDropped>(saga).await;
    assert_eq!(world.count("depot", "ballet.ledger where entry = 'aborted'").await, 2);
    assert_eq!(world.events::<GoodsFreed>(saga).await, []);
}
