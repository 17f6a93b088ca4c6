//! The versions that a copy takes, and those that it leaves.

use std::time::Duration;

use ballet::core::Versioned;
use ballet::{Entity, EntityEvent, EventType, Participant, copies};
use ballet_store::copies::rebuild::Rebuild;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lamps::{Lamp, LampChanged, LampRemoved, Lamps, change};
use crate::stage::CopiesStage;

/// A lamp as the next release has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LitLamp {
    text: String,
    lit: Option<bool>,
}

impl Entity for LitLamp {
    const NAME: &'static str = Lamp::NAME;
    const REPUBLISHED: EventType = Lamp::REPUBLISHED;
    const REQUESTS: &'static [EventType] = Lamp::REQUESTS;
}

ballet_testkit::events! {
    LitLampChanged = plain "house.lamp_changed.v1" { lamp: Versioned<LitLamp> }
}

impl EntityEvent for LitLampChanged {
    type Entity = LitLamp;

    fn into_version(self) -> Versioned<LitLamp> {
        self.lamp
    }
}

fn changed(id: &str, version: i64, text: &str) -> LampChanged {
    LampChanged { lamp: Versioned::of(id, version, Lamp { text: text.to_owned() }) }
}

fn removed(id: &str, version: i64) -> LampRemoved {
    LampRemoved { lamp_id: id.to_owned(), version }
}

fn lamps(lamps: &[(&str, i64, Option<&str>)]) -> Lamps {
    let lamp = |(id, version, text): &(&str, i64, Option<&str>)| {
        ((*id).to_owned(), (*version, text.map(str::to_owned)))
    };
    lamps.iter().map(lamp).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_or_equal_version_that_comes_late_changes_nothing() {
    let stage = CopiesStage::new("late").await;
    let _porter = stage.reader("porter").await;
    for event in [changed("hall", 2, "bright"), changed("hall", 1, "dark"), changed("hall", 2, "?")]
    {
        stage.put(&event);
        stage.until_settled("porter").await;
    }
    assert_eq!(stage.copied("porter").await, lamps(&[("hall", 2, Some("bright"))]));
    stage.put(&changed("hall", 4, "brighter"));
    stage.until_settled("porter").await;
    assert_eq!(stage.copied("porter").await, lamps(&[("hall", 4, Some("brighter"))]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_entity_stays_removed() {
    let stage = CopiesStage::new("removed").await;
    let porter = stage.reader("porter").await;
    stage.put(&changed("hall", 1, "bright"));
    stage.put(&removed("hall", 3));
    // It is removed before anything else is known of it.
    stage.put(&removed("attic", 2));
    stage.until_settled("porter").await;
    stage.put(&changed("hall", 2, "dark"));
    stage.put(&changed("attic", 1, "dark"));
    stage.until_settled("porter").await;
    assert_eq!(stage.copied("porter").await, lamps(&[("attic", 2, None), ("hall", 3, None)]));

    let mut db = porter.handle().db().acquire().await.expect("a connection");
    let hall = copies::get::<Lamp>(&mut db, "hall").await.expect("an answer");
    assert_eq!(hall, Some(Versioned::removed("hall", 3)));
    assert_eq!(copies::get::<Lamp>(&mut db, "cellar").await.expect("an answer"), None);
    stage.put(&changed("hall", 4, "back"));
    stage.until_settled("porter").await;
    let known = copies::get_all::<Lamp>(&mut db, &["hall", "attic", "cellar"]).await;
    let known = known.expect("an answer");
    assert_eq!(known.len(), 2);
    assert_eq!(known["hall"], Versioned::of("hall", 4, Lamp { text: "back".to_owned() }));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_share_the_events_end_with_the_newest_versions_and_no_conflicts() {
    let stage = CopiesStage::new("replicas").await;
    let two_lanes = |settings: &mut ballet::Settings| {
        settings.lanes = 2;
        settings.batch = 40;
    };
    let reader = || crate::lamps::reader("porter");
    let _one = stage.start(reader(), &[], two_lanes).await;
    let _two = stage.start(reader(), &[], two_lanes).await;
    // Each version twice, the newest first, over rows that every batch has in another order.
    let (lamps, versions): (usize, i64) = (30, 20);
    for version in (1..=versions).rev() {
        for at in 0..lamps {
            let id = format!("{:02}", (at * 7 + usize::try_from(version).unwrap() * 11) % lamps);
            let newest = changed(&id, version, &version.to_string());
            stage.put(&newest);
            stage.put(&newest);
        }
    }
    stage.until_settled("porter").await;
    let copied = stage.copied("porter").await;
    assert_eq!(copied.len(), lamps);
    let newest = (versions, Some(versions.to_string()));
    assert!(copied.values().all(|lamp| *lamp == newest), "{copied:?}");
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(stage.number("porter", deadlocks).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_the_database_refuses_fails_alone() {
    let stage = CopiesStage::new("refused").await;
    let _porter = stage.reader("porter").await;
    stage.put(&changed("hall", 1, "bright"));
    // JSON may have this character; Postgres has no place for it.
    stage.put(&changed("attic", 1, "a\0b"));
    stage.put(&changed("cellar", 1, "dark"));
    stage.until_settled("porter").await;
    let good = lamps(&[("cellar", 1, Some("dark")), ("hall", 1, Some("bright"))]);
    assert_eq!(stage.copied("porter").await, good);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_changes_is_copied() {
    let stage = CopiesStage::new("changes").await;
    let (house, _porter) = (stage.house().await, stage.reader("porter").await);
    for (id, text) in [("hall", Some("one")), ("hall", Some("two")), ("attic", Some("one"))] {
        change(house.handle(), id, text).await;
    }
    change(house.handle(), "attic", None).await;
    stage.until_equal("porter").await;
    let expected = lamps(&[("attic", 2, None), ("hall", 2, Some("two"))]);
    assert_eq!(stage.copied("porter").await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn t212_a_late_page_of_an_older_run_changes_nothing() {
    let stage = CopiesStage::new("older_run").await;
    let _porter = stage.reader("porter").await;
    let (older, newer) =
        (stage.run_before(Duration::from_secs(5)), stage.run_before(Duration::ZERO));
    for (run, text) in [
        (older, "as the release before told it"),
        (newer, "with the new field"),
        // It was a dead letter, or waited for a retry.
        (older, "as the release before told it"),
    ] {
        stage.page(run, &[("hall", 1, text)]);
        stage.until_settled("porter").await;
    }
    assert_eq!(stage.copied("porter").await, lamps(&[("hall", 1, Some("with the new field"))]));
    // Also where the newer run found nothing to mend.
    stage.put(&changed("attic", 1, "right"));
    stage.until_settled("porter").await;
    for (run, text) in [(newer, "right"), (older, "wrong")] {
        stage.page(run, &[("attic", 1, text)]);
        stage.until_settled("porter").await;
    }
    // The newer version counts, also if an older page brings it.
    stage.page(older, &[("hall", 2, "newer")]);
    stage.until_settled("porter").await;
    let newest = lamps(&[("attic", 1, Some("right")), ("hall", 2, Some("newer"))]);
    assert_eq!(stage.copied("porter").await, newest);
}

#[tokio::test(flavor = "multi_thread")]
async fn t212_what_was_made_before_a_copy_was_emptied_changes_nothing() {
    let stage = CopiesStage::new("set_back").await;
    let _porter = stage.reader("porter").await;
    stage.put(&changed("hall", 9, "before the restore"));
    stage.until_settled("porter").await;
    // The owner's database is of yesterday now.
    Rebuild::empty(&mut stage.connect("porter").await, "lamp").await.expect("emptied");
    let run = stage.run_before(Duration::ZERO);
    stage.page(run, &[("hall", 7, "as restored")]);
    stage.until_settled("porter").await;
    // These waited for a retry, or were redriven: an event, and a page of a run.
    let hour = Duration::from_secs(3600);
    stage.put_made_before(hour, &changed("hall", 9, "before the restore"));
    stage.page_made_before(hour, stage.run_before(hour), &[("hall", 10, "before the restore")]);
    stage.until_settled("porter").await;
    assert_eq!(stage.copied("porter").await, lamps(&[("hall", 7, Some("as restored"))]));
    stage.put(&changed("hall", 8, "after the restore"));
    stage.until_settled("porter").await;
    assert_eq!(stage.copied("porter").await, lamps(&[("hall", 8, Some("after the restore"))]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_replica_of_the_owner_takes_no_field_away() {
    let stage = CopiesStage::new("new_field").await;
    let next = Participant::new("porter").copies::<LitLamp>(|copy| copy.fed_by::<LitLampChanged>());
    let _porter = stage.start(next, &[], |_| {}).await;
    // It knows no field `lit`, and the view has it already.
    let _house = stage.house().await;
    stage.until_filled("porter").await;
    let rolled_out = "insert into lamp values ('hall', 1, 'bright'); \
        create or replace view shared_lamp as select lamp_id as id, version, \
        jsonb_build_object('text', text, 'lit', true) as state from lamp";
    stage.execute("house", rolled_out).await;
    let hall = LitLamp { text: "bright".to_owned(), lit: Some(true) };
    stage.put(&LitLampChanged { lamp: Versioned::of("hall", 1, hall) });
    stage.until_settled("porter").await;
    stage.rebuild("porter").await;
    let lit = "select count(*) from ballet.copy where id = 'hall' and state ->> 'lit' = 'true'";
    assert_eq!(stage.number("porter", lit).await, 1);
}
