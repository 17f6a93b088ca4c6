//! The frame of a service: its signals, and the groups of tasks that end at each of them.

use std::sync::Arc;

use ballet_store::database::hosts::Hosts;
use sqlx::PgConnection;
use tokio::sync::watch;

use crate::engine::database::Database;
use crate::http::health::Health;
use crate::service::running::Signals;
use crate::service::tasks::Tasks;
use crate::upkeep::database::hosts;
use crate::upkeep::database::process;

pub(super) struct ServiceFrame {
    pub(super) signals: Signals,
    pub(super) asked_to_stop: watch::Receiver<bool>,
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) leaving: watch::Receiver<bool>,
    pub(super) failed: watch::Receiver<Option<String>>,
    pub(super) http: Tasks,
    pub(super) work: Tasks,
    pub(super) base: Tasks,
}

impl ServiceFrame {
    pub(super) fn new() -> Self {
        let (stop, asked_to_stop) = watch::channel(false);
        let (end, stopping) = watch::channel(false);
        let (leave, leaving) = watch::channel(false);
        let (fail, failed) = watch::channel(None);
        let tasks = || Tasks::new(asked_to_stop.clone(), fail.clone());
        let (http, work, base) = (tasks(), tasks(), tasks());
        let signals = Signals { stop, end, leave };
        Self { signals, asked_to_stop, stopping, leaving, failed, http, work, base }
    }

    pub(super) fn follow(&mut self, hosts: Hosts, database: &Arc<Database>) {
        let follow = hosts::follow(hosts, Arc::clone(database), self.leaving.clone());
        self.base.spawn("the watch over the database's servers", follow);
    }

    /// Keeps the session that shows that this process is alive.
    pub(super) fn keep(
        &mut self,
        session: PgConnection,
        hosts: Hosts,
        process: (i64, Option<String>),
        of: Health,
        database: &Database,
    ) {
        let (why_unready, leaving) = (Box::new(move || of.why_unready()), self.leaving.clone());
        let answers = database.state();
        let keep = process::keep(session, hosts, process, why_unready, answers, leaving);
        self.base.spawn("the process's session", keep);
    }
}
