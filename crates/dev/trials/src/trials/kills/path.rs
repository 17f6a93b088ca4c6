//! The paths through the system. Together they have to reach every aim.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ballet_stage::wait_until;
use ballet_store::copies::fills;
use ballet_store::deadlines;
use rustix::process::Signal;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::customers::begun_saga::{BegunSaga, End};
use crate::system::trial::OverdueDeadline;
use crate::trials::kills::checks::{UNKNOWN, take_dead_letters};
use crate::trials::scene::{PATIENCE, Scene};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SystemPath {
    /// Services have lost their copies, and ask for them, as they do at their first start. So this path comes first.
    Refill,
    Meanwhile,
    /// A customer of this case, with a number for the variant.
    Case(usize, usize),
    Overdue,
    /// A message comes that this service cannot take.
    Disturb(&'static str),
}

impl SystemPath {
    pub(crate) fn all(scene: &Scene<'_>, round: usize) -> Vec<Self> {
        let mut all = vec![Self::Refill, Self::Meanwhile];
        let cases = scene.subject.cases.iter().enumerate();
        let usual = cases.filter(|(_, case)| case.share > 0);
        all.extend(usual.map(|(case, _)| Self::Case(case, round)));
        all.extend(scene.subject.tried.overdue().map(|_| Self::Overdue));
        all.extend(scene.run.services().into_iter().map(Self::Disturb));
        all
    }

    /// Runs the path, also while processes die. Returns the saga. A request without an answer may have begun one, which
    /// is judged with all others.
    pub(crate) async fn go(self, scene: &Scene<'_>) -> Result<Option<Uuid>> {
        match self {
            Self::Refill => refill(scene).await.map(|()| None),
            Self::Meanwhile => {
                // One turn of the activities.
                let until = Instant::now() + Duration::from_millis(1);
                scene.load.meanwhile(until).await.map(|()| None)
            }
            Self::Case(case, number) => {
                let Ok(saga) = scene.load.play_case(case, number).await else { return Ok(None) };
                scene.ends(saga).await?;
                Ok(Some(saga))
            }
            Self::Overdue => match scene.subject.tried.overdue() {
                Some(overdue) => passes(scene, overdue).await,
                None => Ok(None),
            },
            Self::Disturb(service) => disturb(scene, service).await.map(|()| None),
        }
    }
}

impl fmt::Display for SystemPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refill => write!(f, "copies are filled"),
            Self::Meanwhile => write!(f, "what goes on meanwhile"),
            Self::Case(case, number) => write!(f, "case {case}, customer {number}"),
            Self::Overdue => write!(f, "a deadline passes"),
            Self::Disturb(service) => write!(f, "a strange message for {service}"),
        }
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

/// Lets a deadline pass while the saga cannot be decided. A faster saga, or one of another process, ends as its
/// customer expects.
async fn passes(scene: &Scene<'_>, overdue: OverdueDeadline) -> Result<Option<Uuid>> {
    let OverdueDeadline { owner, without, reason, case, .. } = overdue;
    let cases = scene.subject.cases.iter();
    let case = cases.map(|case| case.name).position(|name| name == case);
    let case =
        case.context("no case begins a saga whose deadline passes (`OverdueDeadline::case`)")?;
    scene.run.of(without).signal(Signal::STOP).await;
    let passed = pass(scene, owner, case).await;
    let ended = match &passed {
        Ok(Some(saga)) => scene.ends(*saga).await.map(Some),
        Ok(None) | Err(_) => Ok(None),
    };
    scene.run.of(without).signal(Signal::CONT).await;
    let saga = passed?;
    if let (Some(saga), Some(end)) = (saga, ended?)
        && end == End::aborted(reason)
    {
        scene.load.site.began("a deadline that passes", BegunSaga { saga, end });
    }
    Ok(saga)
}

async fn pass(scene: &Scene<'_>, owner: &str, case: usize) -> Result<Option<Uuid>> {
    let parts = scene.run.system.parts.iter().filter(|part| part.service == owner);
    let sagas: Vec<&str> = parts
        .flat_map(|part| part.sagas.iter().filter(|saga| saga.deadline.is_some()))
        .map(|saga| saga.saga)
        .collect();
    let url = scene.run.stage.env.database_url(owner);
    let Ok(id) = scene.load.play_case(case, 0).await else { return Ok(None) };
    let session =
        wait_until("a session", PATIENCE, || async { PgConnection::connect(url).await.map(Some) });
    let session = Mutex::new(session.await?);
    let passed = wait_until("a deadline to pass", PATIENCE, || async {
        let mut db = session.lock().await;
        for saga in &sagas {
            if deadlines::pass_now(&mut db, id, saga).await? {
                return Ok(Some(()));
            }
        }
        let ended = scene.ended(id).is_some();
        Ok::<_, sqlx::Error>(ended.then_some(()))
    });
    passed.await.context("a saga has no deadline")?;
    Ok(Some(id))
}

/// Waits for the dead letter.
async fn disturb(scene: &Scene<'_>, service: &str) -> Result<()> {
    let properties = json!({ "type": UNKNOWN, "content_type": "application/json" });
    // Over the default exchange no other service gets the message.
    let management = scene.run.stage.env.management();
    management.publish("amq.default", service, &properties, "{}").await?;
    let dead = wait_until("the dead letter", PATIENCE, || async {
        let taken = take_dead_letters(scene, service).await?;
        anyhow::Ok((taken > 0).then_some(()))
    });
    Ok(dead.await?)
}
