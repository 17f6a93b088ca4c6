//! A replay under way, with each event when it is due.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet_amqp::Broker;
use ballet_ops::stream::{NewIds, Recording, SendError, Sender, to_publish};
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::base::exit::ExitStatus;
use crate::base::ui;
use crate::tester::stream::event_selector::EventSelector;
use crate::tester::stream::feed::interruption;
use crate::tester::stream::pace::{Metronome, ReplayPace, StepAnswer, until};
use crate::tester::stream::progress::{ProgressFile, ReplayProgress};

/// A killed replay may send so much again. Receivers drop it, by the same ids.
const SAVE_EVERY: Duration = Duration::from_secs(1);

pub(crate) struct RunningReplay {
    /// None if nobody resumes.
    pub(crate) file: Option<ProgressFile>,
    pub(crate) progress: ReplayProgress,
    pub(crate) ids: Option<NewIds>,
    pub(crate) whole: u64,
    pub(crate) pace: ReplayPace,
    pub(crate) now: Timestamp,
}

impl RunningReplay {
    pub(crate) async fn run(
        mut self,
        broker: Arc<dyn Broker>,
        recording: &Path,
        selected: &EventSelector,
    ) -> Result<ExitStatus> {
        let sender = Sender::open(broker).await;
        let mut sender = sender.map_err(|error| match error {
            SendError::Broker(error) => crate::base::exit::with_advice(error.into()),
            error => error.into(),
        })?;
        let before = self.progress.sent;
        let sent = self.send(&mut sender, recording, selected).await;
        // Waits for the messages under way, also after Ctrl-C, unless that comes again.
        let finished = match &sent {
            Err(error) if error.is::<SendError>() => Ok(()),
            _ => tokio::select! {
                finished = sender.finish() => finished,
                () = interruption() => Ok(()),
            },
        };
        self.progress.sent = before + sender.confirmed();
        let is_whole = self.progress.sent >= self.whole;
        match (&sent, &finished) {
            _ if self.pace == ReplayPace::Step => {}
            (Ok(SendOutcome::Whole), Ok(())) if is_whole => {
                self.file.as_ref().inspect(|file| file.remove());
            }
            _ => self.save()?,
        }
        finished?;
        let ended = sent?;
        let of = if is_whole { String::new() } else { format!(" of {}", ui::grouped(self.whole)) };
        ui::say(&format!(
            "{}{of} sent to {}",
            ui::counted(self.progress.sent, "event"),
            self.progress.to
        ));
        if ended == SendOutcome::Interrupted {
            if self.pace != ReplayPace::Step {
                ui::say("--resume goes on from here");
            }
            return Ok(ExitStatus::Partly);
        }
        Ok(ExitStatus::All)
    }

    fn save(&self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.write(&self.progress))
    }

    async fn send(
        &mut self,
        sender: &mut Sender,
        recording: &Path,
        selected: &EventSelector,
    ) -> Result<SendOutcome> {
        // A bar would stand between the questions.
        let shown =
            (self.pace != ReplayPace::Step).then(|| ui::Progress::new("events sent", self.whole));
        let mut metronome = Metronome::new(self.pace, self.now)?;
        if self.pace != ReplayPace::Step {
            // Before the first event, so that a killed replay goes on with the same new ids.
            self.save()?;
        }
        let mut stop = Box::pin(interruption());
        let (mut saved, before) = (Instant::now(), self.progress.sent);
        let all = Recording::open(recording)?;
        let mut left_out = before;
        for record in all {
            let mut record = record?;
            if !selected.selects(&record) {
                continue;
            }
            if left_out > 0 {
                left_out -= 1;
                continue;
            }
            let mut due = std::pin::pin!(until(metronome.due(&record)));
            loop {
                tokio::select! {
                    biased;
                    () = &mut stop => return Ok(SendOutcome::Interrupted),
                    () = &mut due => break,
                    () = sleep_until(saved + SAVE_EVERY),
                        if self.progress.sent != before + sender.confirmed() =>
                    {
                        self.progress.sent = before + sender.confirmed();
                        self.save()?;
                        saved = Instant::now();
                    }
                    confirmed = sender.wait(), if sender.is_waiting() => confirmed?,
                }
            }
            let turn = tokio::select! {
                turn = metronome.ask(&record) => turn?,
                () = &mut stop => {
                    // The question does not end its line.
                    ui::say("");
                    return Ok(SendOutcome::Interrupted);
                }
            };
            match turn {
                StepAnswer::Send => {}
                StepAnswer::Skip => continue,
                StepAnswer::Quit => return Ok(SendOutcome::Whole),
            }
            if let Some(ids) = &self.ids {
                ids.replace(&mut record);
            }
            tokio::select! {
                sent = sender.send(to_publish(record)) => sent?,
                () = &mut stop => return Ok(SendOutcome::Interrupted),
            }
            if let Some(shown) = &shown {
                shown.show(before + sender.confirmed());
            }
            if saved.elapsed() > SAVE_EVERY && self.pace != ReplayPace::Step {
                self.progress.sent = before + sender.confirmed();
                self.save()?;
                saved = Instant::now();
            }
        }
        Ok(SendOutcome::Whole)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SendOutcome {
    Whole,
    Interrupted,
}
