//! How a copy is filled: by a run of its owner, while changes go on and processes die.

use std::collections::BTreeSet;
use std::time::Duration;

use ballet::Entity;
use ballet_store::copies::rebuild::Rebuild;

use crate::copies::lamps::{HOUSE_TABLES, Lamp, house};
use crate::copies::stage::CopiesStage;

/// Lamps from before anybody copied them; each fifth is removed.
const LAMPS: &str = "insert into lamp select 'old' || at, 1 + at % 3, \
    case when at % 5 > 0 then 'text ' || at end from generate_series(1, 2300) as at";
const REQUESTED: &str = "select requested from ballet.republication";
const DONE: &str = "select count(*) from ballet.republication where done = requested \
    and requested > 0";

fn runs(stage: &CopiesStage) -> BTreeSet<String> {
    let pages = stage.taken(Lamp::REPUBLISHED);
    pages.iter().map(|page| page["run"].as_str().expect("a run").to_owned()).collect()
}

/// Counts the entities that were published again.
fn published(stage: &CopiesStage) -> usize {
    let pages = stage.taken(Lamp::REPUBLISHED);
    pages.iter().map(|page| page["entities"].as_array().expect("entities").len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_join_later_ask_and_one_run_serves_them_all() {
    let stage = CopiesStage::new("joined").await;
    let _house = stage.house().await;
    stage.execute("house", LAMPS).await;
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

    // Lost, old, and changed by hand with the same version.
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
