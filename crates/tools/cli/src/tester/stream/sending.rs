//! Sends a recording's events, each when it is due.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet_amqp::Broker;
use ballet_ops::stream::{NewIds, Record, Recording, SendError, Sender, to_publish};
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::base::exit::ExitStatus;
use crate::base::ui;
use crate::tester::stream::event_selector::EventSelector;
use crate::tester::stream::feed::interruption;
use crate::tester::stream::pace::ReplayPace;

pub(crate) struct RunningReplay {
    /// The broker's address and virtual host.
    pub(crate) to: String,
    pub(crate) ids: Option<NewIds>,
    pub(crate) whole: u64,
    pub(crate) pace: ReplayPace,
    /// When the replay began. A later recorded time is of a wrong clock, and not waited for.
    pub(crate) now: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SendOutcome {
    Whole,
    Interrupted,
}

impl RunningReplay {
    pub(crate) async fn run(
        self,
        broker: Arc<dyn Broker>,
        recording: &Path,
        selected: &EventSelector,
    ) -> Result<ExitStatus> {
        let sender = Sender::open(broker).await;
        let mut sender = sender.map_err(|error| match error {
            SendError::Broker(error) => crate::base::exit::with_advice(error.into()),
            error => error.into(),
        })?;
        let ended = self.send(&mut sender, recording, selected).await?;
        // Waits for the messages under way, also after Ctrl-C, unless that comes again.
        tokio::select! {
            finished = sender.finish() => finished?,
            () = interruption() => {}
        }
        let sent = sender.confirmed();
        let of = match sent == self.whole {
            true => String::new(),
            false => format!(" of {}", ui::grouped(self.whole)),
        };
        ui::say(&format!("{}{of} sent to {}", ui::counted(sent, "event"), self.to));
        Ok(match ended {
            SendOutcome::Whole => ExitStatus::All,
            SendOutcome::Interrupted => ExitStatus::Partly,
        })
    }

    async fn send(
        &self,
        sender: &mut Sender,
        recording: &Path,
        selected: &EventSelector,
    ) -> Result<SendOutcome> {
        let shown = ui::Progress::new("events sent", self.whole);
        let mut stop = Box::pin(interruption());
        let mut began = None;
        for record in Recording::open(recording)? {
            let mut record = record?;
            if !selected.selects(&record) {
                continue;
            }
            if let Some(due) = self.due(&record, &mut began) {
                loop {
                    tokio::select! {
                        biased;
                        () = &mut stop => return Ok(SendOutcome::Interrupted),
                        () = sleep_until(due) => break,
                        confirmed = sender.wait(), if sender.is_waiting() => confirmed?,
                    }
                }
            }
            if let Some(ids) = &self.ids {
                ids.replace(&mut record);
            }
            tokio::select! {
                sent = sender.send(to_publish(record)) => sent?,
                () = &mut stop => return Ok(SendOutcome::Interrupted),
            }
            shown.show(sender.confirmed());
        }
        Ok(SendOutcome::Whole)
    }

    /// `None` for at once. `began` is the first recorded time, and when its event was due.
    fn due(&self, record: &Record, began: &mut Option<(Timestamp, Instant)>) -> Option<Instant> {
        let ReplayPace::Times(times) = self.pace else { return None };
        let time = record.time.filter(|time| *time <= self.now)?;
        let (first, began) = *began.get_or_insert_with(|| (time, Instant::now()));
        let after = Duration::try_from(time.duration_since(first)).ok()?;
        let after = Duration::try_from_secs_f64(after.as_secs_f64() / times).ok()?;
        began.checked_add(after).filter(|due| *due > Instant::now())
    }
}
