//! Sends a recording's events, each when it is due.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Result, bail};
use ballet_amqp::Broker;
use ballet_ops::publish::{MessageOutcome, send};
use ballet_ops::stream::{NewIds, Record, Recording, to_publish};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::base::exit::{ExitStatus, with_advice};
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

impl RunningReplay {
    pub(crate) async fn run(
        self,
        broker: Arc<dyn Broker>,
        recording: &Path,
        selected: &EventSelector,
    ) -> Result<ExitStatus> {
        let shown = ui::Progress::new("events sent", self.whole);
        let (is_interrupted, unreadable) = (AtomicBool::new(false), OnceLock::new());
        let mut began = None;
        let records = Recording::open(recording)?
            .map_while(|record| record.map_err(|error| unreadable.set(error)).ok());
        let due = records.filter(|record| selected.selects(record)).map(|mut record| {
            let due = self.due(&record, &mut began);
            if let Some(ids) = &self.ids {
                ids.replace(&mut record);
            }
            (due, to_publish(record))
        });
        let messages = stream::iter(due).then(|(due, message)| async move {
            if let Some(due) = due {
                sleep_until(due).await;
            }
            message
        });
        // After Ctrl-C it waits for the messages under way, unless that comes again.
        let (first, again) = (interruption(), interruption());
        let stop = async {
            first.await;
            is_interrupted.store(true, Ordering::Relaxed);
        };
        let (mut sent, mut refused) = (0, None);
        let sending = send(broker, messages.take_until(stop), |outcome| {
            match outcome {
                MessageOutcome::Confirmed => sent += 1,
                MessageOutcome::NotTried => {}
                MessageOutcome::No(why) | MessageOutcome::Unknown(why) => refused = Some(why),
            }
            shown.show(sent);
            refused.is_none()
        });
        let again = async {
            again.await;
            interruption().await;
        };
        tokio::select! {
            ended = sending => ended.map_err(|error| with_advice(error.into()))?,
            () = again => is_interrupted.store(true, Ordering::Relaxed),
        }
        drop(shown);
        if let Some(error) = unreadable.into_inner() {
            return Err(error.into());
        }
        if let Some(why) = refused {
            bail!("{why}");
        }
        let of = match sent == self.whole {
            true => String::new(),
            false => format!(" of {}", ui::grouped(self.whole)),
        };
        ui::say(&format!("{}{of} sent to {}", ui::counted(sent, "event"), self.to));
        Ok(if is_interrupted.load(Ordering::Relaxed) {
            ExitStatus::Partly
        } else {
            ExitStatus::All
        })
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
