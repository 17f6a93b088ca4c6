//! The versions that a copy takes, and those that it ignores.

use std::time::Duration;

use ballet::core::Versioned;
use ballet_store::copies::rebuild::Rebuild;

use crate::copies::lamps::{Lamp, LampChanged, Lamps};
use crate::copies::stage::CopiesStage;

fn changed(id: &str, version: i64, text: &str) -> LampChanged {
    LampChanged { lamp: Versioned::of(id, version, Lamp { text: text.to_owned() }) }
}

fn lamps(lamps: &[(&str, i64, Option<&str>)]) -> Lamps {
    let lamp = |(id, version, text): &(&str, i64, Option<&str>)| {
        ((*id).to_owned(), (*version, text.map(str::to_owned)))
    };
    lamps.iter().map(lamp).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_share_the_events_end_with_the_newest_versions_and_no_conflicts() {
    let stage = CopiesStage::new("replicas").await;
    let two_lanes = |settings: &mut ballet::Settings| {
        settings.lanes = 2;
        settings.batch = 40;
    };
    let reader = || crate::copies::lamps::reader("porter");
    let _one = stage.start(reader(), &[], two_lanes).await;
    let _two = stage.start(reader(), &[], two_lanes).await;
    // Each version twice, the newest first, in an order that differs by batch.
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
    // JSON allows this character; Postgres does not.
    stage.put(&changed("attic", 1, "a\0b"));
    stage.put(&changed("cellar", 1, "dark"));
    stage.until_settled("porter").await;
    let good = lamps(&[("cellar", 1, Some("dark")), ("hall", 1, Some("bright"))]);
    assert_eq!(stage.copied("porter").await, good);
}

#[tokio::test(flavor = "multi_thread")]
async fn t212_a_late_page_of_an_older_run_changes_nothing() {
    let stage = CopiesStage::new("older_run").await;
    let _porter = stage.reader("porter").await;
    let (older, newer) =
        (stage.new_id_before(Duration::from_secs(5)), stage.new_id_before(Duration::ZERO));
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
    // Also where the newer run found nothing to repair.
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
    // The owner's database is now of yesterday.
    Rebuild::empty(&mut stage.connect("porter").await, "lamp").await.expect("emptied");
    let run = stage.new_id_before(Duration::ZERO);
    stage.page(run, &[("hall", 7, "as restored")]);
    stage.until_settled("porter").await;
    // An event and a page of a run waited for a retry, or were redriven.
    let hour = Duration::from_secs(3600);
    stage.put_made_before(hour, &changed("hall", 9, "before the restore"));
    stage.page_made_before(hour, stage.new_id_before(hour), &[("hall", 10, "before the restore")]);
    stage.until_settled("porter").await;
    assert_eq!(stage.copied("porter").await, lamps(&[("hall", 7, Some("as restored"))]));
    stage.put(&changed("hall", 8, "after the restore"));
    stage.until_settled("porter").await;
    assert_eq!(stage.copied("porter").await, lamps(&[("hall", 8, Some("after the restore"))]));
}
