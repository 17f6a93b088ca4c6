//! How services' processes ended.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use ballet_stage::ServiceProcess;
use rustix::process::Signal;

/// How the services ended that were not killed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends {
    pub(crate) stops: usize,
    pub(crate) longest_stop: Duration,
    /// Stops that took too long or failed.
    pub(crate) bad_stops: Vec<String>,
    /// Exits that we did not cause.
    pub(crate) unexpected_exits: Vec<String>,
}

impl Ends {
    /// Notes how a process ended that was told to stop, if it did. `late` is one that was killed then.
    pub(super) fn note_stop(
        &mut self,
        process: &str,
        status: Option<ExitStatus>,
        took: Duration,
        late: bool,
    ) {
        let killed = status.is_some_and(|end| end.signal() == Some(Signal::KILL.as_raw()));
        if late || !(killed || status.is_some_and(|end| end.success())) {
            let end = status.map_or("is still there".to_owned(), |end| format!("ended with {end}"));
            self.bad_stops.push(format!(
                "{process} was told to stop within {:?} and {end} after {took:?}",
                ServiceProcess::DRAIN
            ));
        }
        if !killed {
            self.stops += 1;
            self.longest_stop = self.longest_stop.max(took);
        }
    }
}
