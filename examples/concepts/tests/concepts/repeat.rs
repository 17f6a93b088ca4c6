//! Tests of the example `repeat`.

use ballet_testkit::TestSystem;
use concepts::repeat::{self, ChairFreed, ChairSet, PartyBegun, PartyPlanned};
use serde_json::json;
use uuid::Uuid;

use crate::answers::{dead_letter, id};

async fn plan(system: &TestSystem) -> Uuid {
    id(system.post("parties", "/parties", &json!({ "room": "Blue" })).await)
}

async fn tell(system: &TestSystem, party: Uuid, what: &str) {
    let path = format!("/parties/{party}/{what}");
    assert_eq!(system.post("parties", &path, &json!({})).await.0, 200);
}

async fn until_seated(system: &TestSystem, party: Uuid, seated: &str) {
    let sql = format!(
        "select coalesce(string_agg(guest || ' on ' || chair, ', ' order by guest), 'nobody') \
         from chair where party_id = '{party}'"
    );
    system.until("parties", &sql, seated.to_owned()).await;
}

#[tokio::test]
async fn one_guest_leaves_and_the_others_stay_until_the_party_is_cancelled() {
    let system = TestSystem::new("repeat", vec![repeat::service()]).await;
    let party = plan(&system).await;
    tell(&system, party, "guests/1/join").await;
    assert_eq!(system.event::<ChairSet>(party).await.chair, 1);
    tell(&system, party, "guests/2/join").await;
    until_seated(&system, party, "1 on 1, 2 on 2").await;
    for _ in 0..2 {
        tell(&system, party, "guests/1/leave").await;
    }
    assert_eq!(system.event::<ChairFreed>(party).await.guest, 1);
    until_seated(&system, party, "2 on 2").await;

    // Nobody joins again under that number, nor under one that left before it joined.
    for what in ["guests/1/join", "guests/4/leave", "guests/4/join", "guests/3/join"] {
        tell(&system, party, what).await;
    }
    until_seated(&system, party, "2 on 2, 3 on 1").await;

    tell(&system, party, "cancel").await;
    until_seated(&system, party, "nobody").await;
    tell(&system, party, "guests/5/join").await;
    // There is one lane, so what comes later has not come before.
    let other = plan(&system).await;
    tell(&system, other, "open").await;
    system.event::<PartyBegun>(other).await;
    until_seated(&system, party, "nobody").await;
    assert_eq!(system.events::<ChairSet>(party).await.len(), 3);
    assert_eq!(system.events::<ChairFreed>(party).await.len(), 3);
    system.close(0).await;
}

#[tokio::test]
async fn a_guest_who_leaves_before_the_party_is_planned_does_not_keep_it_from_being_planned() {
    let system = TestSystem::new("repeat_unknown", vec![repeat::service()]).await;
    let party = system.new_saga();
    tell(&system, party.0, "guests/1/leave").await;
    let why = dead_letter(&system).await["x-dead-detail"].to_string();
    assert!(why.contains("has not begun in parties"), "{why}");

    let mut unit = system.handle(0).saga_unit(party).await.expect("a transaction");
    unit.originate(PartyPlanned { room: "Blue".to_owned() }).await.expect("planned");
    unit.commit().await.expect("committed");
    tell(&system, party.0, "guests/1/join").await;
    until_seated(&system, party.0, "1 on 1").await;
    system.close(1).await;
}
