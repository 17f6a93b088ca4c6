//! What leads to a point, besides the customers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ballet::core::topology::DEAD;
use ballet_stage::wait_until;
use ballet_store::copies::fills;
use ballet_store::deadlines;
use rustix::process::Signal;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;

use crate::customers::begun_saga::{BegunSaga, End};
use crate::system::trial::OverdueDeadline;
use crate::trials::scene::{PATIENCE, Scene};

/// No service knows this type, and its dead letters are no fault.
const UNKNOWN: &str = "nobody.knows_this.v1";
/// Dead letters taken at once.
const SOME: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// The customers lead there.
    Nothing,
    /// Services lose their copies, and ask for them, as they do at their first start.
    Refill,
    /// A deadline passes while the saga cannot be decided.
    Overdue,
    /// A message comes that the service cannot take.
    Disturb,
}

impl Act {
    /// Also while processes die.
    pub(crate) async fn perform(self, scene: &Scene<'_>, service: &str) -> Result<()> {
        match self {
            Self::Nothing => {}
            Self::Refill => refill(scene).await?,
            Self::Overdue => {
                let overdue = scene.subject.tried.overdue();
                pass_deadline(scene, overdue.context("no deadline passes (`Trial::overdue`)")?)
                    .await?;
            }
            Self::Disturb => {
                let properties = json!({ "type": UNKNOWN, "content_type": "application/json" });
                // Over the default exchange no other service gets the message.
                let management = scene.run.stage.env.management();
                management.publish("amq.default", service, &properties, "{}").await?;
            }
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}

/// Takes the dead letters of strange messages. Returns only with an error: at any other one.
pub(crate) async fn take_all_dead_letters(scene: &Scene<'_>) -> Result<()> {
    loop {
        for service in scene.run.services() {
            let queue = format!("{service}.{DEAD}");
            for letter in scene.run.stage.env.management().take(&queue, SOME).await? {
                ensure!(letter["properties"]["type"] == UNKNOWN, "{queue} has {letter}");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Empties all copies, and waits until the services have asked for the entities and have them again.
async fn refill(scene: &Scene<'_>) -> Result<()> {
    let readers = scene.run.system.parts.iter().filter(|part| !part.copies.is_empty());
    let mut sessions = Vec::new();
    for reader in readers.map(|part| scene.run.stage.env.database_url(part.service)) {
        // The service may be writing the copy, and one of the two gets a deadlock error.
        let emptied = wait_until("a copy to be emptied", PATIENCE, || async {
            let mut db = PgConnection::connect(reader).await?;
            fills::forget_all(&mut db).await?;
            Ok::<_, sqlx::Error>(Some(db))
        });
        sessions.push(Mutex::new(emptied.await?));
    }
    for session in sessions {
        let filled = wait_until("a copy to be filled", PATIENCE, || async {
            let mut db = session.lock().await;
            let (asked, filled) = fills::are_asked_and_filled(&mut db).await?;
            if filled && !asked {
                // Another service's request filled the copy first, so it is emptied again.
                fills::forget_all(&mut db).await?;
            }
            Ok::<_, sqlx::Error>((filled && asked).then_some(()))
        });
        filled.await?;
    }
    Ok(())
}

/// A faster saga, or one of another process, ends as its customer expects.
async fn pass_deadline(scene: &Scene<'_>, overdue: OverdueDeadline) -> Result<()> {
    let OverdueDeadline { owner, without, reason, case, .. } = overdue;
    let case = scene.subject.cases.iter().position(|one| one.name == case);
    let case =
        case.context("no case begins a saga whose deadline passes (`OverdueDeadline::case`)")?;
    scene.run.of(without).signal(Signal::STOP).await;
    let passed = async {
        // A request without an answer may have begun a saga, which is judged with all others.
        let Ok(saga) = scene.load.play_case(case, 0).await else { return Ok(()) };
        pass_now(scene, owner, saga).await?;
        if scene.ends(saga).await? == End::aborted(reason) {
            let end = End::aborted(reason);
            scene.load.site.began("a deadline that passes", BegunSaga { saga, end });
        }
        Ok(())
    };
    let passed = passed.await;
    scene.run.of(without).signal(Signal::CONT).await;
    passed
}

async fn pass_now(scene: &Scene<'_>, owner: &str, saga: uuid::Uuid) -> Result<()> {
    let parts = scene.run.system.parts.iter().filter(|part| part.service == owner);
    let with_deadline = parts.flat_map(|part| &part.sagas).filter(|saga| saga.deadline.is_some());
    let names: Vec<&str> = with_deadline.map(|saga| saga.saga).collect();
    let mut db = PgConnection::connect(scene.run.stage.env.database_url(owner)).await?;
    let db = Mutex::new(&mut db);
    let passed = wait_until("a deadline to pass", PATIENCE, || async {
        let mut db = db.lock().await;
        for name in &names {
            if deadlines::pass_now(&mut db, saga, name).await? {
                return Ok(Some(()));
            }
        }
        Ok::<_, sqlx::Error>(scene.ended(saga).is_some().then_some(()))
    });
    passed.await.context("a saga has no deadline")
}
