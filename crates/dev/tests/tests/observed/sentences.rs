//! The log and the dead letter explain a failure in a sentence that helps.

use ballet::{Event, EventType, Failure, Participant, Projection, Retry, Service, Tx};
use ballet_testkit::TestSystem;
use ballet_testkit::process_log::{log_here, text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A guest left a note.
#[derive(Serialize, Deserialize, JsonSchema)]
struct NoteLeft {
    says: String,
}

impl Event for NoteLeft {
    const TYPE: EventType = EventType::plain("porch.note_left.v1").also_from(&["guest"]);
}

ballet_testkit::events! {
    /// An event of the garden.
    LawnMown = plain "garden.lawn_mown.v1"
}

struct ReadNote;

impl Projection for ReadNote {
    const NAME: &'static str = "read_note";
    type On = NoteLeft;
    const RETRY: Retry = Retry::at_once(0);

    async fn apply(&self, tx: &mut Tx<'_>, note: NoteLeft) -> Result<(), Failure> {
        match note.says.as_str() {
            "mow" => tx.publish(&LawnMown {}).await,
            _ => {
                sqlx::query("select * from nowhere").execute(tx.db()).await?;
                Ok(())
            }
        }
    }
}

#[tokio::test]
async fn what_failed_is_a_sentence_in_the_log_and_in_the_dead_letter() {
    log_here();
    let porch = Service::new(Participant::new("porch").projects(ReadNote));
    let system = TestSystem::new("sentences", vec![porch]).await;
    for says in ["mow", "look"] {
        system.publish_plain(&NoteLeft { says: says.to_owned() }).await;
    }
    let mut details: Vec<String> = Vec::new();
    for dead in system.dead_letters(2).await {
        let detail = dead["properties"]["headers"]["x-dead-detail"].as_str();
        details.push(detail.expect("a detail").to_owned());
    }
    details.sort();
    // The server reports the line of its own code, not of the statement.
    assert_eq!(
        details,
        [
            "error returned from database: relation \"nowhere\" does not exist",
            "porch cannot publish garden.lawn_mown.v1, which is an event of garden: publish one of its \
             own, such as porch.lawn_mown.v1, and let garden act on it",
        ]
    );
    let logged = text();
    for detail in details {
        let line = format!("a message is set aside: {detail}");
        assert!(logged.contains(&line), "{line} is not in the log");
    }
    system.close(2).await;
}
