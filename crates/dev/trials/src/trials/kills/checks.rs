//! The system of a kills run, and the conditions that hold after every kill.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ballet::Clock;
use ballet::core::topology::DEAD;
use ballet_ops::audit::Report;
use ballet_stage::wait_until;
use jiff::SignedDuration;
use uuid::Uuid;

use crate::customers::begun_saga::End;
use crate::load::load::{CustomerMix, Load};
use crate::oracle::{self, KnownFacts, OracleVerdict};
use crate::running::long_run::LongRun;
use crate::scene::record::Recorder;
use crate::system::subject::Subject;

/// The limit for anything that hangs. Any service may be dead at any time, and on a busy machine each takes a while to
/// start.
pub(crate) const SOON: Duration = Duration::from_secs(180);
/// The number of dead letters that are taken at once.
const SOME: u32 = 10;

pub(crate) struct KillsScene<'a> {
    pub(crate) subject: &'a Arc<Subject>,
    pub(crate) run: &'a LongRun,
    pub(crate) recorder: Recorder,
    pub(crate) load: Load,
    /// The type of the strange messages, whose dead letters are no fault.
    strange: &'static str,
}

impl<'a> KillsScene<'a> {
    /// Starts to record. Services need not be ready.
    pub(crate) async fn set_up(
        subject: &'a Arc<Subject>,
        run: &'a LongRun,
        strange: &'static str,
    ) -> Result<Self> {
        let recorder = Recorder::start(run, subject.clone(), subject.types_from_outside()).await?;
        let mix =
            CustomerMix { cases: subject.mix(), rate: 1, clock: Clock::system(), gateway: None };
        let load = Load::new(run, subject, &recorder, mix)?;
        recorder.record().begin();
        Ok(Self { subject, run, recorder, load, strange })
    }

    /// Waits until a saga has ended.
    pub(crate) async fn ends(&self, saga: Uuid) -> Result<End> {
        let ended = wait_until("the end of a saga", SOON, || async {
            Ok::<_, String>(self.recorder.record().journal.ended(saga).cloned())
        });
        ended.await.with_context(|| format!("saga {saga} does not end"))
    }

    /// Waits until the system is quiescent. Nothing may be lost, doubled or broken then. Returns the number of rows.
    pub(crate) async fn check_everything(&self) -> Result<usize> {
        let Self { subject, run, recorder, load, .. } = self;
        let known = KnownFacts::default();
        // The dead letter of a strange message comes twice if the process dies between publishing it and the ack.
        let checked = tokio::select! {
            failed = self.take_all_dead_letters() => { failed?; bail!("it never returns by itself") }
            checked = oracle::check_when_quiescent(subject, run, load, recorder, &known) => checked?,
        };
        let OracleVerdict { rows, lost, doubled, broken, unfinished, .. } = checked;
        let wrong = [lost, doubled, broken, unfinished].concat();
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(rows)
    }

    /// Waits until these sagas have ended in every service, and checks that nothing is wrong with them.
    pub(crate) async fn check_sagas(&self, sagas: &[Uuid]) -> Result<()> {
        let known = self.load.sagas.all();
        for saga in sagas {
            let (ended, placed) = (self.ends(*saga).await?, known.get(saga));
            let right = placed.is_some_and(|placed| placed.end == ended);
            ensure!(right, "saga {saga} ended as {ended:?}, and not as {placed:?} says");
        }
        let ids: Vec<String> = sagas.iter().map(Uuid::to_string).collect();
        let sound = wait_until("sound sagas", SOON, || async {
            let endpoints = self.run.endpoints().await?;
            let broker = endpoints.broker().await?;
            let framework = self.subject.framework(&endpoints, &broker, SignedDuration::ZERO).await;
            // The business rows are read only once this passes: they take as long again.
            check_report(&framework, &ids)?;
            let all = self.subject.business(&endpoints, framework, SignedDuration::ZERO).await;
            check_report(&all, &ids).map(Some)
        });
        Ok(sound.await?)
    }

    /// Takes the dead letters of a service, which all have to be strange. Returns their number.
    pub(crate) async fn take_dead_letters(&self, service: &str) -> Result<usize> {
        let queue = format!("{service}.{DEAD}");
        let taken = self.run.stage.env.management().take(&queue, SOME).await?;
        for letter in &taken {
            ensure!(letter["properties"]["type"] == self.strange, "{queue} has {letter}");
        }
        Ok(taken.len())
    }

    /// Returns only with an error.
    async fn take_all_dead_letters(&self) -> Result<()> {
        loop {
            for service in self.run.services() {
                self.take_dead_letters(service).await?;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Checks that nothing is wrong with these sagas.
fn check_report(report: &Report, sagas: &[String]) -> Result<()> {
    let Report { violations, open, recent, away, .. } = report;
    let of_sagas = |line: &&String| sagas.iter().any(|saga| line.contains(saga));
    let wrong = [violations, open, recent].into_iter().flatten().filter(of_sagas).chain(away);
    let wrong: Vec<&str> = wrong.map(String::as_str).collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
