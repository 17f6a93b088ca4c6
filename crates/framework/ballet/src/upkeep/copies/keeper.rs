//! Looks after the copies that this service keeps: asks for one that was never filled, and reports
//! how far they are behind.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use ballet_core::CopyPart;
use ballet_store::copies::fills as copy_fills;
use ballet_store::copies::fills::Fill;
use ballet_store::ledger::event::EncodedEvent;
use bytes::Bytes;
use tokio::sync::watch;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::engine::commit::commit;
use crate::engine::engine::Engine;
use crate::engine::handlers::guard::guarded;
use crate::engine::stopping::{stopped, waited};
use crate::engine::transaction::Transaction;
use crate::upkeep::broker::queues::{Backlog, ServiceQueues};
use crate::upkeep::failure_log;

const EVERY: Duration = Duration::from_secs(5);

pub(crate) struct CopyKeeper {
    pub(crate) engine: Arc<Engine>,
    pub(crate) queues: ServiceQueues,
    pub(crate) copies: Vec<CopyPart>,
    pub(crate) state: watch::Sender<String>,
}

impl CopyKeeper {
    pub(crate) async fn run(self) {
        let mut stopping = self.engine.stopping.clone();
        loop {
            let look = async {
                if let Err(failure) = self.ask_for_empty().await {
                    let what = "a copy cannot be asked for; trying again";
                    failure_log::waits(&self.engine.database, what, &failure);
                }
                self.tell(self.queues.backlog()).await;
            };
            tokio::select! {
                () = look => {}
                () = stopped(&mut stopping) => return,
            }
            if !waited(&mut stopping, EVERY).await {
                return;
            }
        }
    }

    /// Returns the first failure.
    async fn ask_for_empty(&self) -> Result<(), Failure> {
        let mut failed = Ok(());
        let asked_with = |copy: &CopyPart| Some((copy.entity, copy.owner, copy.request?));
        for (entity, owner, request) in self.copies.iter().filter_map(asked_with) {
            let ask = async {
                let mut transaction = Transaction::begin(Arc::clone(&self.engine)).await?;
                let turn = copy_fills::take_turn_to_ask(transaction.db(), entity);
                if answered(turn).await? {
                    let body = Bytes::from_static(b"{}");
                    transaction.scope.emit(EncodedEvent { event_type: request, body });
                    commit(transaction, &[]).await?;
                    tracing::info!("asked {owner} for all entities named {entity}");
                }
                Ok::<_, Failure>(())
            };
            // One that cannot be asked for keeps none of the others waiting.
            failed = failed.and(Box::pin(guarded(ask)).await);
        }
        failed
    }

    async fn tell(&self, backlog: Option<Backlog>) {
        let entities: Vec<&str> = self.copies.iter().map(|copy| copy.entity).collect();
        let fills = self.engine.database.ask(async |db| copy_fills::all(db, &entities).await);
        let Ok(fills) = fills.await.inspect_err(|failure| {
            tracing::debug!("the state of the copies cannot be read: {failure}");
        }) else {
            return;
        };
        let mut told = String::new();
        for fill in &fills {
            let filled = if fill.is_filled { 1.0 } else { 0.0 };
            metrics::gauge!("ballet_copy_filled", "entity" => fill.entity.clone()).set(filled);
            if !fill.is_filled {
                // Writing to a string cannot fail.
                write!(told, "{}, ", in_words(fill)).ok();
            }
        }
        let Some(Backlog { messages, seconds }) = backlog else {
            told.push_str("the broker does not tell how much waits");
            self.state.send_replace(told);
            return;
        };
        metrics::gauge!("ballet_copies_behind_events").set(messages);
        metrics::gauge!("ballet_copies_behind_seconds").set(seconds);
        if messages == 0 && told.is_empty() {
            told.push_str("ok");
        } else {
            write!(told, "at most {messages} events and {seconds:.0} s behind").ok();
        }
        self.state.send_replace(told);
    }
}

fn in_words(fill: &Fill) -> String {
    let Fill { entity, owner, seen, pages, .. } = fill;
    match (seen, pages) {
        (0, _) => format!("{entity} is not filled: {owner} has published none yet"),
        (seen, Some(pages)) => format!("{entity} is being filled: {seen} of {pages} pages came"),
        (seen, None) => format!("{entity} is being filled: {seen} pages came"),
    }
}
