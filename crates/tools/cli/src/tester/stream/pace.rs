//! The times at which the events of a recording are sent again.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use ballet_ops::stream::Record;
use ballet_terminal::{ask, is_interactive};
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::base::exit::usage;
use crate::base::systems::loaded_system;
use crate::base::ui;
use crate::tester::stream::render::EventPrinter;

/// The speed at which a recording is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ReplayPace {
    /// This many times as fast as it was recorded.
    Times(f64),
    /// Without waiting.
    Max,
    /// One by one, when the user says so.
    Step,
}

impl FromStr for ReplayPace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "original" => Ok(Self::Times(1.0)),
            "max" => Ok(Self::Max),
            "step" => Ok(Self::Step),
            number => match number.trim_end_matches('x').parse::<f64>() {
                Ok(times) if times.is_finite() && times > 0.0 => Ok(Self::Times(times)),
                _ => Err("expected original, max, step, or a factor such as 10 or 0.5".to_owned()),
            },
        }
    }
}

/// The user's decision on the next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepAnswer {
    Send,
    Skip,
    Quit,
}

/// Waits until an event's time has come.
pub(crate) struct Metronome {
    pace: ReplayPace,
    /// The time at which the replay began. A recorded time after it comes from a wrong clock, and is not waited for.
    now: Timestamp,
    /// The first time in the recording, and the moment at which its event was due.
    began: Option<(Timestamp, Instant)>,
    lines: EventPrinter,
}

impl Metronome {
    pub(crate) fn new(pace: ReplayPace, now: Timestamp) -> Result<Self> {
        if pace == ReplayPace::Step && !is_interactive() {
            return Err(usage("--pace step asks before each event, and there is no terminal"));
        }
        Ok(Self { pace, now, began: None, lines: EventPrinter::of(loaded_system()) })
    }

    /// The moment at which the event is due; `None` for at once.
    pub(crate) fn due(&mut self, record: &Record) -> Option<Instant> {
        let ReplayPace::Times(times) = self.pace else { return None };
        let time = record.time.filter(|time| *time <= self.now)?;
        let (first, began) = *self.began.get_or_insert_with(|| (time, Instant::now()));
        let after = Duration::try_from(time.duration_since(first)).ok()?;
        let after = Duration::try_from_secs_f64(after.as_secs_f64() / times).ok()?;
        began.checked_add(after).filter(|due| *due > Instant::now())
    }

    /// Asks the user about the event, if the pace is `Step`.
    pub(crate) async fn ask(&mut self, record: &Record) -> Result<StepAnswer> {
        if self.pace != ReplayPace::Step {
            return Ok(StepAnswer::Send);
        }
        ui::say(&self.lines.line(record));
        loop {
            // A read from a terminal cannot be cancelled, so nobody waits for this thread.
            let (done, answer) = oneshot::channel();
            std::thread::spawn(move || done.send(ask("Enter sends it, s skips it, q quits:")));
            match &*answer.await?? {
                "" => return Ok(StepAnswer::Send),
                "s" => return Ok(StepAnswer::Skip),
                "q" => return Ok(StepAnswer::Quit),
                other => ui::say(&format!("`{other}` is none of Enter, s and q")),
            }
        }
    }
}

/// Waits until the event is due.
pub(crate) async fn until(due: Option<Instant>) {
    if let Some(due) = due {
        sleep_until(due).await;
    }
}
