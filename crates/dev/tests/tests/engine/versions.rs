//! A saga with two versions is upgraded. Sagas end under the version under which they began.

use std::collections::{BTreeMap, BTreeSet};

use ballet::Participant;
use ballet::core::Graph;
use serde_json::Value;
use uuid::Uuid;

use crate::trip::TripWanted;
use crate::two_versions::system;
use crate::upgrade::{Agency, ProcessEnd, TRIPS, Upgrade};

fn expected(city: &str, is_second: bool) -> &'static str {
    match (city, is_second) {
        ("Rome", _) | ("Nowhere", false) => "confirmed",
        _ => "cancelled",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_t224_sagas_end_under_the_version_under_which_they_began_in_any_order_of_releases() {
    for begins in [1, 2] {
        let mut all = system(begins);
        all.parts.push(Participant::new("agency").publishes::<TripWanted>().part());
        assert_eq!(Graph::new(all).problems(), []);
    }
    let mut upgrade = Upgrade::begin("versions").await;
    let agency = Agency::open(&upgrade.world);
    agency.more().await;
    for service in ["border", "desk", "hotel", "cars"] {
        match service {
            "border" => upgrade.start(service, 1).await,
            service => upgrade.replace(service, 1, &agency, ProcessEnd::Dropped).await,
        }
    }
    // Some desks begin sagas under one version, some under the other, and back again.
    upgrade.replace("desk", 2, &agency, ProcessEnd::Dropped).await;
    agency.more().await;
    agency.more().await;
    upgrade.replace("desk", 1, &agency, ProcessEnd::Stopped).await;
    upgrade.until_ended(2).await;
    for service in ["desk", "border", "hotel", "cars"] {
        match service {
            "border" => upgrade.stop(service).await,
            service => upgrade.replace(service, 0, &agency, ProcessEnd::Stopped).await,
        }
    }
    for service in ["border", "desk", "hotel", "cars"] {
        upgrade.start(service, 1).await;
    }
    let wanted = agency.close().await;
    upgrade.world.until_count("desk", "trip", i64::try_from(wanted.len()).expect("few")).await;
    upgrade.until_ended(1).await;
    upgrade.until_ended(2).await;
    all_ended_as_they_began(&upgrade, &wanted).await;
}

async fn all_ended_as_they_began(upgrade: &Upgrade, wanted: &BTreeMap<Uuid, &str>) {
    let first = upgrade.did("desk", "accept_trip").await;
    let second = upgrade.did("desk", "accept_trip_v2").await;
    assert!(first.is_disjoint(&second), "each began once");
    assert_eq!(first.len() + second.len(), wanted.len());
    assert!(first.len() > TRIPS && second.len() > TRIPS, "{} {}", first.len(), second.len());
    let ends = upgrade.rows("desk", "select saga_id, state from trip").await;
    for (saga, state) in ends {
        let (city, is_second) = (wanted[&saga], second.contains(&saga));
        assert_eq!(state, expected(city, is_second), "{saga} to {city}, second: {is_second}");
    }
    // No saga of the first version asked for a visa; each of the second did before its car.
    let with_visa = upgrade.did("border", "check_visa").await;
    assert!(with_visa.is_subset(&second));
    assert!(upgrade.did("cars", "rent_car").await.is_subset(&first));
    assert!(upgrade.did("cars", "rent_car_v2").await.is_subset(&with_visa));
    let number =
        |city: &str, of: &BTreeSet<Uuid>| of.iter().filter(|saga| wanted[*saga] == city).count();
    let asked = upgrade.rental.asked.lock().expect("not poisoned").clone();
    let keys = asked.into_iter().filter(|(_, what)| what == "rent in Nowhere").map(|(key, _)| key);
    let rented = keys.collect::<BTreeSet<_>>().len();
    assert_eq!(rented, number("Nowhere", &first), "the rental was asked for no other");
    // The reservations for a refused trip are given back.
    let refused_late =
        number("Carless", &first) + number("Carless", &second) + number("Nowhere", &second);
    let freed = upgrade.world.count("hotel", "room where freed").await;
    assert_eq!(freed, i64::try_from(refused_late).expect("few"));
    let returned = upgrade.world.count("border", "ballet.ledger where entry = 'undone'").await;
    assert_eq!(returned, i64::try_from(number("Carless", &second)).expect("few"));
    let (dead, seen): (Vec<Value>, Vec<Value>) =
        upgrade.world.seen().await.into_iter().partition(|m| m["exchange"] == "dead");
    // A dropped process's events come again as copies, perhaps to an older release.
    let is_copy = |letter: &&Value| {
        let id = &letter["properties"]["message_id"];
        seen.iter().filter(|m| m["properties"]["message_id"] == *id).count() > 1
    };
    let lost: Vec<&Value> = dead.iter().filter(|letter| !is_copy(letter)).collect();
    assert!(lost.is_empty(), "each message found a release that knows it: {lost:#?}");
}
