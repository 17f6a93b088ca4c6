//! The tasks of a service, and the detection of tasks that end too early.

use std::panic::AssertUnwindSafe;

use ballet_amqp::ConnectionState;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::engine::handlers::guard::panic_message;

/// Tasks that run until the service is asked to stop. If a task ends earlier, the service has
/// failed: it looks alive, but no longer does a part of its work.
#[derive(Debug)]
pub(super) struct Tasks {
    running: JoinSet<()>,
    asked_to_stop: watch::Receiver<bool>,
    failed: watch::Sender<Option<String>>,
}

impl Tasks {
    pub(super) fn new(
        asked_to_stop: watch::Receiver<bool>,
        failed: watch::Sender<Option<String>>,
    ) -> Self {
        Self { running: JoinSet::new(), asked_to_stop, failed }
    }

    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let (asked, failed) = (self.asked_to_stop.clone(), self.failed.clone());
        self.running.spawn(async move {
            let ended = AssertUnwindSafe(task).catch_unwind().await;
            let why = match ended {
                Err(panic) => format!("{name} panicked: {}", panic_message(&*panic)),
                Ok(()) => format!("{name} ended unexpectedly"),
            };
            // Without a sender, the service no longer runs.
            let asked = *asked.borrow() || asked.has_changed().is_err();
            if !asked {
                tracing::error!("the service has failed and must be restarted: {why}");
                failed.send_if_modified(|first| first.is_none() && first.replace(why).is_none());
            }
        });
    }

    /// Watches one of the connections to the broker, which run in their own tasks.
    pub(super) fn watch(
        &mut self,
        name: &'static str,
        role: &'static str,
        mut state: watch::Receiver<ConnectionState>,
    ) {
        let connected = metrics::gauge!("ballet_connected", "role" => role);
        self.spawn(name, async move {
            loop {
                let is_ready = state.borrow_and_update().is_ready();
                connected.set(if is_ready { 1.0 } else { 0.0 });
                if state.changed().await.is_err() {
                    return;
                }
            }
        });
    }

    /// Waits until all tasks end, and aborts those that do not end in time. Returns true if all
    /// ended.
    pub(super) async fn end_by(&mut self, deadline: Instant) -> bool {
        let ended = async { while self.running.join_next().await.is_some() {} };
        let in_time = timeout_at(deadline, ended).await.is_ok();
        self.running.abort_all();
        in_time
    }
}
