//! The ends of services' processes.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use ballet_stage::ServiceProcess;
use rustix::process::Signal;

/// The ends of processes that were not killed.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProcessEnds {
    pub(crate) stops: usize,
    pub(crate) longest_stop: Duration,
    /// Stops that took too long or failed.
    pub(crate) bad_stops: Vec<String>,
    /// Exits of processes that had worked for a while: a real service would need a supervisor.
    pub(crate) crashes: Vec<String>,
}

impl ProcessEnds {
    /// Every stop succeeded in time, and no process exited by itself.
    pub(crate) fn are_good(&self) -> bool {
        self.bad_stops.is_empty() && self.crashes.is_empty()
    }

    /// A machine without memory kills processes, which says nothing about the service.
    pub(super) fn note_exit(&mut self, name: &str, status: ExitStatus, last: &str) {
        if !is_killed(status) {
            self.crashes.push(format!("{name} ended with {status}: {last}"));
        }
    }

    /// Notes the end of a process after a stop, if it has ended. `late` means that it was killed then.
    pub(super) fn note_stop(
        &mut self,
        process: &str,
        status: Option<ExitStatus>,
        took: Duration,
        late: bool,
    ) {
        let killed = status.is_some_and(is_killed);
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

fn is_killed(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::KILL.as_raw())
}
