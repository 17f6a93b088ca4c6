//! Events leave with the rows that were written beside them: what a savepoint takes back is not sent.

use ballet::{Failure, Participant, Projection, Tx};

use crate::notes::{NotePrinted, TABLES, renamed};
use crate::stage::OutboxStage;
use crate::trip::HotelRenamed;

/// Follows the words of a text: `save`, `release` and `back` go with a savepoint, the others are
/// written down and printed.
struct Script;

impl Projection for Script {
    const NAME: &'static str = "script";
    type On = HotelRenamed;

    async fn apply(&self, tx: &mut Tx<'_>, script: HotelRenamed) -> Result<(), Failure> {
        let (mut depth, mut printed) = (0, Vec::new());
        for word in script.name.split(' ') {
            let statement = match word {
                "save" => {
                    depth += 1;
                    format!("savepoint s{depth}")
                }
                "release" => format!("release savepoint s{depth}"),
                "back" => format!("rollback to savepoint s{depth}"),
                "print" => {
                    for name in printed.drain(..) {
                        tx.publish(&NotePrinted { name }).await?;
                    }
                    continue;
                }
                name => {
                    printed.push(name.to_owned());
                    format!("insert into note values ('{name}')")
                }
            };
            depth -= i32::from(matches!(word, "release" | "back"));
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(tx.db()).await?;
        }
        Ok(())
    }
}

/// A script, and what is left of it.
const SCRIPTS: [(&str, &[&str]); 5] = [
    ("one print save two print back three print", &["one", "three"]),
    ("save four print back", &[]),
    ("save five six print release seven print", &["five", "six", "seven"]),
    ("save eight print save nine print back ten print back eleven print", &["eleven"]),
    ("save twelve print save thirteen print release back fourteen print", &["fourteen"]),
];

#[tokio::test]
async fn an_event_leaves_only_if_the_savepoint_that_it_was_published_in_is_kept() {
    let guide = || Participant::new("guide").projects(Script).publishes::<NotePrinted>();
    let stage = OutboxStage::new("savepoints", &[guide()]).await;
    let _running = stage.start(guide(), TABLES).await;
    for (script, _) in SCRIPTS {
        stage.put(&stage.new_id(), None, &renamed(script));
    }
    stage.until_settled("guide").await;
    let expected: Vec<&str> = SCRIPTS.iter().flat_map(|(_, left)| *left).copied().collect();
    stage.until_taken::<NotePrinted>(expected.len()).await;
    let printed: Vec<NotePrinted> = stage
        .taken::<NotePrinted>()
        .iter()
        .map(|message| serde_json::from_slice(&message.body).expect("an event"))
        .collect();
    let printed: Vec<&str> = printed.iter().map(|printed| printed.name.as_str()).collect();
    assert_eq!(printed, expected);
    let rows: Vec<(String,)> = sqlx::query_as("select name from note")
        .fetch_all(&mut stage.connect("guide").await)
        .await
        .expect("rows");
    assert_eq!(rows.iter().map(|(name,)| name.as_str()).collect::<Vec<_>>(), expected);
}
