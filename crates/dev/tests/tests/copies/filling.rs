//! How a copy is filled: by a run of its owner, while changes go on and processes die.

use std::collections::BTreeSet;
use std::time::Duration;

use ballet::{Entity, StartError};
use ballet_stage::wait_until;
use ballet_store::copies::rebuild::Rebuild;

use crate::lamps::{HOUSE_TABLES, Lamp, change, house};
use crate::stage::{CopiesStage, LONG};

/// Lamps that were there before anybody copied them; each fifth is removed.
const LAMPS: &str = "insert into lamp select 'old' || at, 1 + at % 3, \
    case when at % 5 > 0 then 'text ' || at end from generate_series(1, 2300) as at";
const REQUESTED: &str = "select requested from ballet.republication";
const DONE: &str = "select count(*) from ballet.republication where done = requested \
    and requested > 0";

fn runs(stage: &CopiesStage) -> BTreeSet<String> {
    let pages = stage.taken(Lamp::REPUBLISHED);
    pages.iter().map(|page| page["run"].as_str().expect("a run").to_owned()).collect()
}

/// How many entities were published anew.
fn published(stage: &CopiesStage) -> usize {
    let pages = stage.taken(Lamp::REPUBLISHED);
    pages.iter().map(|page| page["entities"].as_array().expect("entities").len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_join_later_ask_and_one_run_serves_them_all() {
    let stage = CopiesStage::new("joined").await;
    let _house = stage.house().await;
    stage.execute("house", LAMPS).await;
    // The next run waits until both have asked.
    let pause = "update ballet.republication set next_at = ballet.now() + interval '1 hour'";
    stage.execute("house", pause).await;
    let (_porter, _gardener) = (stage.reader("porter").await, stage.reader("gardener").await);
    stage.until("house", REQUESTED, 2).await;
    stage.execute("house", "update ballet.republication set next_at = ballet.now()").await;
    for reader in ["porter", "gardener"] {
        stage.until_filled(reader).await;
        stage.until_equal(reader).await;
    }
    assert_eq!((runs(&stage).len(), published(&stage)), (1, 2300));
}

/// The database's clock was ahead when a page was published, and when a copy was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_ahead_holds_up_no_copy() {
    let stage = CopiesStage::new("ahead").await;
    let _house = stage.house().await;
    stage.execute("house", LAMPS).await;
    let ahead = "update ballet.republication set next_at = ballet.now() + interval '30 days'";
    stage.execute("house", ahead).await;
    let _porter = stage.reader("porter").await;
    stage.until_filled("porter").await;
    let empty = "delete from ballet.copy; update ballet.copy_fill set run = null, seen = 0, \
                 pages = null, filled_run = null, requested_at = ballet.now() + interval '30 days', \
                 page_at = ballet.now() + interval '30 days'";
    stage.execute("porter", empty).await;
    stage.until("house", REQUESTED, 2).await;
    stage.until_filled("porter").await;
    stage.until_equal("porter").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_house_fills_its_readers() {
    let stage = CopiesStage::new("empty").await;
    let _porter = stage.reader("porter").await;
    let _house = stage.house().await;
    stage.until_filled("porter").await;
    assert_eq!(published(&stage), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_after_a_crash_of_the_owner_while_changes_go_on() {
    let stage = CopiesStage::new("crash").await;
    // At this rate the run takes ten seconds: it is not over when a busy machine looks for it.
    let slowly = |settings: &mut ballet::Settings| settings.republish_rate = 200;
    let first = stage.start(house(), HOUSE_TABLES, slowly).await;
    stage.execute("house", LAMPS).await;
    let _porter = stage.reader("porter").await;
    let begun = "select count(*) from ballet.republication where position is not null \
        and done < requested";
    stage.until("house", begun, 1).await;
    for at in [3, 1200, 2299] {
        change(first.handle(), &format!("old{at}"), Some("changed")).await;
    }
    drop(first);
    let second = stage.house().await;
    for at in (0..2300).step_by(100) {
        change(second.handle(), &format!("old{at}"), Some("changed again")).await;
        change(second.handle(), &format!("old{}", at + 1), None).await;
        change(second.handle(), &format!("new{at}"), Some("new")).await;
    }
    stage.until_filled("porter").await;
    stage.until_equal("porter").await;
    assert_eq!(runs(&stage).len(), 1, "the run goes on");
    // A page that was on its way when the process died may come twice.
    let most = 2300 + 24 + 500;
    assert!(published(&stage) <= most, "{} were published", published(&stage));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_mends_what_no_event_would() {
    let stage = CopiesStage::new("mended").await;
    let (_house, _porter) = (stage.house().await, stage.reader("porter").await);
    stage.execute("house", LAMPS).await;
    stage.until_filled("porter").await;
    let asked = Rebuild::request(&mut stage.connect("house").await, "lamp").await.expect("asked");
    assert!(asked.is_some());
    stage.until("house", DONE, 1).await;
    stage.until_equal("porter").await;

    // Lost, old, changed by hand without another version.
    stage
        .execute(
            "porter",
            "delete from ballet.copy where id like 'old1%'; \
             update ballet.copy set version = 0, state = null where id like 'old2%'; \
             update ballet.copy set state = '{\"text\": \"?\"}' where id like 'old3%';",
        )
        .await;
    stage.rebuild("porter").await;
    assert_eq!(stage.copied("porter").await, stage.owned().await);

    // Newer than at the owner, and unknown to it: only an empty copy takes the owner's state.
    stage
        .execute(
            "porter",
            "update ballet.copy set version = 99 where id = 'old7'; \
            insert into ballet.copy values ('lamp', 'ghost', 1, '{\"text\": \"boo\"}');",
        )
        .await;
    Rebuild::empty(&mut stage.connect("porter").await, "lamp").await.expect("emptied");
    Rebuild::request(&mut stage.connect("house").await, "lamp").await.expect("asked");
    stage.until_filled("porter").await;
    stage.until_equal("porter").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_owner_fills_an_emptied_copy() {
    let stage = CopiesStage::new("slow_owner").await;
    let (house, _porter) = (stage.slow_house().await, stage.reader("porter").await);
    stage.execute("house", LAMPS).await;
    stage.until_filled("porter").await;
    Rebuild::empty(&mut stage.connect("porter").await, "lamp").await.expect("emptied");
    stage.rebuild("porter").await;
    assert_eq!(stage.copied("porter").await, stage.owned().await);
    // Its events have such ids as well.
    change(house.handle(), "old3", Some("changed")).await;
    stage.until_equal("porter").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_by_a_slow_replica_mends() {
    let stage = CopiesStage::new("slow_replica").await;
    let (first, _porter) = (stage.house().await, stage.reader("porter").await);
    stage.execute("house", LAMPS).await;
    stage.rebuild("porter").await;
    first.stop().await;
    let _slow = stage.slow_house().await;
    let changed = "update ballet.copy set state = '{\"text\": \"?\"}' where id like 'old3%'";
    stage.execute("porter", changed).await;
    stage.rebuild("porter").await;
    assert_eq!(stage.copied("porter").await, stage.owned().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_replicas_together_keep_the_rate() {
    let stage = CopiesStage::new("rate").await;
    let slowly = |settings: &mut ballet::Settings| settings.republish_rate = 1_000;
    let _one = stage.start(house(), HOUSE_TABLES, slowly).await;
    let _two = stage.start(house(), HOUSE_TABLES, slowly).await;
    stage.execute("house", LAMPS).await;
    let begun = std::time::Instant::now();
    let _porter = stage.reader("porter").await;
    stage.until_filled("porter").await;
    // The last portion has no pause before it but those of the four others.
    let least = Duration::from_millis(2_000);
    assert!(begun.elapsed() >= least, "2300 in {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_cannot_be_published_is_told_and_the_run_goes_on_when_it_is_mended() {
    let stage = CopiesStage::new("told").await;
    let _house = stage.house().await;
    stage.execute("house", LAMPS).await;
    stage
        .execute(
            "house",
            "create or replace view shared_lamp as select lamp_id as id, version, \
             case when text is not null then '{\"letters\": 1}'::jsonb end as state from lamp",
        )
        .await;
    let _porter = stage.reader("porter").await;
    let failed = "select count(*) from ballet.republication where failure like \
        'the state of lamp \"old%cannot be decoded%text%'";
    stage.until("house", failed, 1).await;
    stage
        .execute(
            "house",
            "create or replace view shared_lamp as select lamp_id as id, version, \
             case when text is not null then jsonb_build_object('text', text) end as state \
             from lamp; update ballet.republication set next_at = ballet.now()",
        )
        .await;
    stage.until_filled("porter").await;
    stage.until_equal("porter").await;
    let failed = "select count(*) from ballet.republication where failure is not null";
    assert_eq!(stage.number("house", failed).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_lacks_a_column_is_named_at_the_start() {
    let stage = CopiesStage::new("view").await;
    let wrong = ballet::Participant::new("house").shares::<Lamp>("lamp");
    let error = stage.try_start(wrong, HOUSE_TABLES).await.expect_err("a table without id");
    assert!(matches!(error, StartError::Source { entity: "lamp", view: "lamp", .. }), "{error}");
    assert!(error.to_string().contains("\"id\""), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t230_an_entity_that_no_event_can_hold_does_not_keep_the_others_from_their_readers() {
    let stage = CopiesStage::new("too_big").await;
    let _house = stage.house().await;
    stage.execute("house", LAMPS).await;
    let big = "insert into lamp values ('old1000x', 1, repeat('a', 2 << 20))";
    stage.execute("house", big).await;
    let _porter = stage.reader("porter").await;
    stage.until_filled("porter").await;
    let mut owned = stage.owned().await;
    owned.remove("old1000x").expect("the big one");
    wait_until("the others", LONG, || async {
        let copied = stage.copied("porter").await;
        if copied == owned { Ok(Some(())) } else { Err(format!("{} of 2300", copied.len())) }
    })
    .await
    .expect("equal");
    let share = ballet_store::copies::state::share(&mut stage.connect("house").await, "lamp").await;
    let why = share.expect("an answer").expect("shared").failure.expect("what is left out");
    assert!(why.starts_with(r#"lamp "old1000x": its event would have"#), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_event_can_hold_any_entity_a_copy_is_filled_once_that_is_mended() {
    let stage = CopiesStage::new("all_too_big").await;
    let _house = stage.house().await;
    // They are read in two portions, and a third one finds that there are no others.
    let big = "insert into lamp select 'old' || at, 1, repeat('a', 2 << 20) \
               from generate_series(1, 8) as at";
    stage.execute("house", big).await;
    let _porter = stage.reader("porter").await;
    let failed = "select count(*) from ballet.republication where failure like \
                  'lamp \"old1\": its event would have%'";
    stage.until("house", failed, 1).await;
    let filled = "select count(*) from ballet.copy_fill where filled_run is not null";
    assert_eq!(stage.number("porter", filled).await, 0, "it looks as if there were no lamps");
    let mend = "update lamp set text = 'small'; \
                update ballet.republication set next_at = ballet.now()";
    stage.execute("house", mend).await;
    stage.until_filled("porter").await;
    stage.until_equal("porter").await;
}
