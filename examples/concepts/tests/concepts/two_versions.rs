//! Tests of the example `two_versions`.

use ballet::core::System;
use ballet_testkit::{TestSystem, assert_sound};
use concepts::two_versions::{
    self, DepositPaid, GuestsChecked, LoungeFreed, LoungeHeld, PartyCancelled, PartyConfirmed,
    PartyWanted,
};

#[tokio::test]
async fn who_was_accepted_before_is_not_asked_for_the_number_of_guests() {
    for begins in [1, 2] {
        let parts = vec![two_versions::participant(begins).part()];
        assert_sound(&System { name: "cinema", parts });
    }
    let mut system = TestSystem::new("versions", vec![two_versions::service(1)]).await;
    let before = system.new_saga();
    system.publish(before, &PartyWanted { guests: 100 }).await;
    system.event::<LoungeHeld>(before).await;

    system.stop("lounge").await;
    system.start(two_versions::service(2)).await;
    let (big, small) = (system.new_saga(), system.new_saga());
    system.publish(big, &PartyWanted { guests: 100 }).await;
    let cancelled: PartyCancelled = system.event(big).await;
    assert_eq!(cancelled.reason, "100 guests are too many");
    system.publish(small, &PartyWanted { guests: 5 }).await;
    system.event::<LoungeHeld>(small).await;
    assert_eq!(system.events::<GuestsChecked>(small).await.len(), 1);

    for party in [before, small] {
        system.publish(party, &DepositPaid {}).await;
    }
    assert_eq!(system.event::<PartyConfirmed>(before).await.guests, 100);
    assert_eq!(system.event::<PartyConfirmed>(small).await.guests, 5);
    assert!(system.events::<GuestsChecked>(before).await.is_empty());
    assert!(system.all_events::<LoungeFreed>().await.is_empty());
    system.close(0).await;
}
