//! When a recording's events are sent again.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use ballet_ops::stream::Record;
use ballet_ops::terminal::{ask, is_interactive};
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::base::exit::usage;
use crate::base::systems::loaded_system;
use crate::base::ui;
use crate::tester::stream::render::EventPrinter;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ReplayPace {
    /// Relative to the recording.
    Times(f64),
    /// Without waiting.
    Max,
    /// One by one, as the user says.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepAnswer {
    Send,
    Skip,
    Quit,
}

pub(crate) struct Metronome {
    pace: ReplayPace,
    /// When the replay began. A later recorded time is of a wrong clock, and not waited for.
    now: Timestamp,
    /// The first recorded time, and when its event was due.
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

    /// `None` for at once.
    pub(crate) fn due(&mut self, record: &Record) -> Option<Instant> {
        let ReplayPace::Times(times) = self.pace else { return None };
        let time = record.time.filter(|time| *time <= self.now)?;
        let (first, began) = *self.began.get_or_insert_with(|| (time, Instant::now()));
        let after = Duration::try_from(time.duration_since(first)).ok()?;
        let after = Duration::try_from_secs_f64(after.as_secs_f64() / times).ok()?;
        began.checked_add(after).filter(|due| *due > Instant::now())
    }

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

pub(crate) async fn until(due: Option<Instant>) {
    if let Some(due) = due {
        sleep_until(due).await;
    }
}
