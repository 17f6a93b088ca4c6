//! What has to be so when all has come to rest, whatever was broken before.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::SignedDuration;
use uuid::Uuid;

use super::load::Load;
use super::record::Recorder;
use super::stage::Stage;
use crate::demo::summary::fits;

/// By then everything has come to rest: longer than the longest pause between two tries.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(250);
/// Nothing new for so long: worth a look at everything.
const STILL: Duration = Duration::from_millis(800);

/// What was found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judgement {
    pub(crate) rows: usize,
    /// Messages, each once for every service that has to act on it.
    pub(crate) expected: usize,
    /// Those of them that have not been handled, and checkouts that nobody has.
    pub(crate) lost: Vec<String>,
    /// Events that a saga has twice.
    pub(crate) doubled: Vec<String>,
    /// The auditor's violations, and orders that ended otherwise than they had to.
    pub(crate) broken: Vec<String>,
    /// What is not at rest: open, stuck, or not ready.
    pub(crate) unfinished: Vec<String>,
}

impl Judgement {
    pub(crate) fn holds(&self) -> bool {
        [&self.lost, &self.doubled, &self.broken, &self.unfinished].iter().all(|all| all.is_empty())
    }
}

/// Waits until everything is at rest, and judges; after a long time it judges what there is.
pub(crate) async fn rest(stage: &Stage, load: &Load, recorder: &Recorder) -> Result<Judgement> {
    let begun = Instant::now();
    loop {
        let late = begun.elapsed() > PATIENCE;
        let still = load.open().0 == 0 && recorder.record().still() > STILL;
        if still || late {
            match judge(stage, load, recorder).await {
                Ok(judgement) if late || judgement.holds() => return Ok(judgement),
                Err(error) if late => return Err(error),
                // Something is under way, or a server or a service is not quite back.
                Ok(_) | Err(_) => {}
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn judge(stage: &Stage, load: &Load, recorder: &Recorder) -> Result<Judgement> {
    let mut unfinished = stage.fleet.not_ready(&stage.http).await;
    let places = stage.places().await?;
    let report = places.audit(&places.broker().await?, SignedDuration::ZERO).await?;
    unfinished.extend(report.open.into_iter().chain(report.stuck));
    let mut judgement = Judgement {
        rows: report.rows,
        broken: report.violations,
        unfinished,
        ..Judgement::default()
    };
    lost(stage, load, recorder, &mut judgement).await?;
    let record = recorder.record();
    let mut once: HashMap<(Uuid, &str), usize> = HashMap::new();
    for message in record.messages.values().filter(|message| !message.copy) {
        *once.entry((message.saga, &message.event_type)).or_default() += 1;
    }
    for ((saga, event_type), count) in once.into_iter().filter(|(_, count)| *count > 1) {
        judgement.doubled.push(format!("saga {saga} has {event_type} {count} times"));
    }
    for (id, order) in load.placed.all() {
        let ended = record.journal.ended(id);
        if ended.is_none() {
            judgement.unfinished.push(format!("order {id} ({}) has no end", order.case.name));
        } else if !fits(&order, ended) {
            let told = order.cancel.map(|status| format!(", told {status}")).unwrap_or_default();
            let line = format!("order {id} ({}{told}) ended as {ended:?}", order.case.name);
            judgement.broken.push(line);
        }
    }
    Ok(judgement)
}

/// Every message has to be in the inbox of each service that consumes its type.
async fn lost(
    stage: &Stage,
    load: &Load,
    recorder: &Recorder,
    judgement: &mut Judgement,
) -> Result<()> {
    let confirmed = load.confirmed.lock().await.clone();
    let mut by_type: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
    {
        let record = recorder.record();
        for (id, message) in &record.messages {
            by_type.entry(message.event_type.clone()).or_default().push(*id);
        }
        for id in confirmed.iter().filter(|id| !record.messages.contains_key(id)) {
            judgement.lost.push(format!("checkout {id} was confirmed, and nobody has it"));
        }
    }
    for part in shop::system().parts {
        let consumed = part.consumes();
        let ids = consumed.iter().filter_map(|event| by_type.get(event.name()));
        let ids: Vec<Uuid> = ids.flatten().copied().collect();
        let database = stage.bed.database_url(part.service);
        let missing = ballet_ops::audit::not_handled(database, &ids).await;
        let missing = missing.with_context(|| format!("the inbox of {}", part.service))?;
        judgement.expected += ids.len();
        let record = recorder.record();
        judgement.lost.extend(missing.iter().map(|id| {
            let message = record.messages.get(id);
            let event_type = message.map_or("", |message| message.event_type.as_str());
            format!("{} has not handled {event_type} {id}", part.service)
        }));
    }
    Ok(())
}
