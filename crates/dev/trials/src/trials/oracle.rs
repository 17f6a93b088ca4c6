//! Waits for quiescence, and checks that nothing is lost, doubled or broken.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet::EventType;
use ballet::core::System;
use ballet_ops::audit::{self, LedgerComparison, Report};
use ballet_ops::terminal::ui;
use jiff::SignedDuration;
use serde::Serialize;
use uuid::Uuid;

use crate::customers::customer_sagas::CustomerSaga;
use crate::processes::endpoints::Endpoints;
use crate::running::long_run::LongRun;
use crate::scene::record::RecordedMessage;
use crate::trials::scene::Scene;

/// The maximum time without news. A call, or a leftover compensation, may pause for a minute.
const PATIENCE: Duration = Duration::from_secs(180);
/// A multiple of [`PATIENCE`].
const RENEWALS: u32 = 5;
/// A verdict reads all rows, millions after a long run.
const VERDICT: Duration = Duration::from_secs(15 * 60);
const LOOK: Duration = Duration::from_millis(250);
/// How often a waiting user sees what for.
const TELL: Duration = Duration::from_secs(15);
/// Without a new event for this long, everything is checked.
const QUIET: Duration = Duration::from_millis(800);

#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct OracleVerdict {
    pub(crate) rows: usize,
    /// Each message once for every service that must handle it.
    #[serde(rename = "effects_expected")]
    pub(crate) expected: usize,
    /// Messages not handled, confirmed messages that reached no queue, and recorded events never published.
    pub(crate) lost: Vec<String>,
    /// Events in a saga twice.
    pub(crate) doubled: Vec<String>,
    /// Violations from the audit, sagas with unexpected ends, and cases in which no customer got through.
    pub(crate) broken: Vec<String>,
    /// What is open, stuck, or not ready.
    pub(crate) unfinished: Vec<String>,
}

impl OracleVerdict {
    pub(crate) fn holds(&self) -> bool {
        self.first().is_none()
    }

    fn first(&self) -> Option<&String> {
        [&self.lost, &self.doubled, &self.broken, &self.unfinished].into_iter().flatten().next()
    }
}

/// Waits for quiescence, and returns the verdict. Patience ends after a time without news: a busy machine is slow, but
/// loses no messages.
pub(crate) async fn check_when_quiescent(scene: &Scene<'_>) -> Result<OracleVerdict> {
    let Scene { subject, recorder, load, .. } = scene;
    let begun = Instant::now();
    let (mut last, mut news, mut told) = ((0, 0), begun, begun);
    loop {
        let now = (load.open().0, recorder.record().messages.len());
        if now != last {
            (last, news) = (now, Instant::now());
        }
        let mut waits_for = match now.0 {
            0 => "the last events".to_owned(),
            open => format!("{open} {}, which are open", subject.sagas),
        };
        let late = news.elapsed() > PATIENCE || begun.elapsed() > PATIENCE * RENEWALS;
        let quiet_for = recorder.record().quiet_for().unwrap_or_else(|| begun.elapsed());
        let quiet = load.open().0 == 0 && quiet_for > QUIET;
        if quiet || late {
            let judged = judge(scene, late);
            let judged = tokio::time::timeout(VERDICT, judged).await;
            let judged = judged.with_context(|| format!("no verdict for {VERDICT:?}"));
            match judged.flatten() {
                Ok(verdict) if late || verdict.holds() => return Ok(verdict),
                Err(error) if late => return Err(error),
                // Something is on its way, or not back yet.
                Ok(verdict) => waits_for.extend(verdict.first().map(|wrong| format!("; {wrong}"))),
                Err(error) => waits_for = format!("an answer: {error:#}"),
            }
        }
        if told.elapsed() > TELL {
            ui::say(&format!("waiting for {waits_for}"));
            told = Instant::now();
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits as [`check_when_quiescent`] does. Then nothing may be wrong.
pub(crate) async fn ensure_all_holds(scene: &Scene<'_>) -> Result<OracleVerdict> {
    let verdict = check_when_quiescent(scene).await?;
    if verdict.holds() {
        return Ok(verdict);
    }
    let OracleVerdict { lost, doubled, broken, unfinished, .. } = verdict;
    let wrong = [lost, doubled, broken, unfinished].concat();
    bail!("{} does not catch up:\n{}", scene.subject.system.name, wrong.join("\n"))
}

/// The `last` look lists everything that is wrong. Earlier looks end at the first kind of problem, as a session with
/// each database for each kind costs the server more than reading most rows.
async fn judge(scene: &Scene<'_>, last: bool) -> Result<OracleVerdict> {
    let Scene { subject, run, recorder, load } = scene;
    let goes_on = |verdict: &OracleVerdict| last || verdict.holds();
    let unfinished = run.fleet.not_ready(&run.http).await;
    let mut verdict = OracleVerdict { unfinished, ..OracleVerdict::default() };
    if !goes_on(&verdict) {
        return Ok(verdict);
    }
    let endpoints = run.endpoints().await?;
    let broker = endpoints.broker().await?;
    let mut report = subject.framework(&endpoints, &broker, SignedDuration::ZERO).await;
    if last || report.is_quiescent() {
        report = subject.business(&endpoints, report, SignedDuration::ZERO).await;
    }
    let Report { rows, violations, open, stuck, recent, away, .. } = report;
    verdict.rows = rows;
    verdict.broken = violations;
    verdict.unfinished.extend([open, stuck, recent, away].into_iter().flatten());
    if !goes_on(&verdict) {
        return Ok(verdict);
    }
    find_lost_messages(scene, &mut verdict).await?;
    if !goes_on(&verdict) {
        return Ok(verdict);
    }
    compare(scene, &endpoints, &mut verdict).await?;
    let record = recorder.record();
    let mut once: HashMap<(Uuid, &str), usize> = HashMap::new();
    let single =
        |message: &&RecordedMessage| !message.copy && !subject.may_repeat(&message.event_type);
    for message in record.messages.values().filter(single) {
        *once.entry((message.saga, &message.event_type)).or_default() += 1;
    }
    for ((saga, event_type), count) in once.into_iter().filter(|(_, count)| *count > 1) {
        verdict.doubled.push(format!("saga {saga} has {event_type} {count} times"));
    }
    for (id, CustomerSaga { case, end }) in load.sagas.all() {
        match record.ended(id) {
            None => verdict.unfinished.push(format!("saga {id} ({case}) has not ended")),
            Some(ended) if *ended == end => {}
            Some(ended) => {
                let line = format!("saga {id} ({case}) ended as {ended:?}, and not as {end:?}");
                verdict.broken.push(line);
            }
        }
    }
    Ok(verdict)
}

/// Checks that all recorded events were published, and that every saga has ended, also that of a customer without an
/// answer.
async fn compare(
    scene: &Scene<'_>,
    endpoints: &Endpoints,
    verdict: &mut OracleVerdict,
) -> Result<()> {
    let Scene { subject, recorder, load, .. } = scene;
    let types = subject.system.known_types();
    let types: HashSet<&'static str> = types.iter().map(EventType::name).collect();
    let mut published: HashMap<(Uuid, &'static str), usize> = HashMap::new();
    for message in recorder.record().messages.values().filter(|message| !message.copy) {
        if let Some(event_type) = types.get(&*message.event_type) {
            *published.entry((message.saga, event_type)).or_default() += 1;
        }
    }
    let databases: Vec<_> = endpoints.databases.clone().into_iter().collect();
    let count = |saga, event_type: &str| {
        let event_type = types.get(event_type)?;
        published.get(&(saga, *event_type)).copied()
    };
    let count = |saga: Uuid, event_type: &str| count(saga, event_type).unwrap_or_default();
    let compared = audit::compare(&subject.system, &databases, count).await;
    let LedgerComparison { never_published, never_ending } =
        compared.map_err(anyhow::Error::msg)?;
    verdict.lost.extend(never_published);
    // The others are checked singly.
    let placed = load.sagas.all();
    let unknown = never_ending.into_iter().filter(|(saga, _)| !placed.contains_key(saga));
    verdict.unfinished.extend(unknown.map(|(saga, owner)| {
        format!("saga {saga}, of a customer without an answer: {owner} has not decided it, and no deadline is to come")
    }));
    Ok(())
}

async fn find_lost_messages(scene: &Scene<'_>, verdict: &mut OracleVerdict) -> Result<()> {
    let Scene { run, recorder, load, .. } = scene;
    let confirmed = load.site.confirmed();
    let mut messages: Vec<(Uuid, String)> = Vec::new();
    {
        let record = recorder.record();
        for id in confirmed.iter().filter(|id| !record.messages.contains_key(id)) {
            verdict.lost.push(format!("message {id} was confirmed, but reached no queue"));
        }
        let consumers = consumers(&run.system);
        for (id, message) in &record.messages {
            verdict.expected += consumers.get(&*message.event_type).copied().unwrap_or_default();
            messages.push((*id, message.event_type.clone()));
        }
    }
    let types: HashMap<Uuid, &str> =
        messages.iter().map(|(id, event_type)| (*id, &**event_type)).collect();
    let missing = not_handled(run, &messages).await?;
    verdict.lost.extend(missing.into_iter().map(|(service, id)| {
        let event_type = types.get(&id).copied().unwrap_or_default();
        format!("{service} has not handled {event_type} {id}")
    }));
    Ok(())
}

fn consumers(system: &System) -> HashMap<&'static str, usize> {
    let mut consumers = HashMap::new();
    for event in system.parts.iter().flat_map(|part| part.consumes()) {
        *consumers.entry(event.name()).or_default() += 1;
    }
    consumers
}

async fn not_handled(
    run: &LongRun,
    messages: &[(Uuid, String)],
) -> Result<Vec<(&'static str, Uuid)>> {
    let mut by_type: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
    for (id, event_type) in messages {
        by_type.entry(event_type).or_default().push(*id);
    }
    let mut missing = Vec::new();
    for part in &run.system.parts {
        let consumed = part.consumes();
        let ids = consumed.iter().filter_map(|event| by_type.get(event.name()));
        let ids: Vec<Uuid> = ids.flatten().copied().collect();
        let database = run.stage.env.database_url(part.service);
        let found = audit::not_handled(database, &ids).await;
        let found = found.with_context(|| format!("the inbox of {}", part.service))?;
        missing.extend(found.into_iter().map(|id| (part.service, id)));
    }
    Ok(missing)
}
