//! Opens and reads the services' dead-letter queues.

use std::sync::Arc;

use anyhow::Result;
use ballet::core::Part;
use ballet_ops::redrive::{DeadLetter, DeadLetterFilter, DeadLetters, QueueStatus, RedriveError};

use crate::base::exit::{usage, with_advice};
use crate::base::options::GlobalOptions;
use crate::base::systems::{services, services_or_all, system};
use crate::base::ui;

#[derive(Debug)]
pub(crate) struct ServiceQueue {
    pub(crate) dead_letters: DeadLetters,
    pub(crate) part: Option<Part>,
    pub(crate) status: QueueStatus,
}

impl ServiceQueue {
    pub(crate) fn service(&self) -> &str {
        self.dead_letters.service()
    }

    /// Reads all dead letters, with a progress bar.
    pub(crate) async fn browse(&self, mut each: impl FnMut(DeadLetter)) -> Result<()> {
        let progress = ui::Progress::new(
            &format!("reading {}.dead", self.service()),
            self.status.dead_letters,
        );
        let mut seen = 0;
        let show = |dead_letter| {
            seen += 1;
            if seen % 500 == 0 {
                progress.show(seen);
            }
            each(dead_letter);
        };
        self.dead_letters.browse(show).await?;
        Ok(())
    }

    /// Another program holds some dead letters.
    pub(crate) fn warn_of_readers(&self) {
        if self.status.readers > 0 {
            ui::note(&format!(
                "another program is reading {}.dead; the dead letters that it holds are missing \
                 here",
                self.service()
            ));
        }
    }
}

pub(crate) async fn read(
    options: &GlobalOptions,
    named: &[String],
    filter: &DeadLetterFilter,
    mut each: impl FnMut(DeadLetter),
) -> Result<()> {
    for queue in open(options, named).await? {
        queue.warn_of_readers();
        if queue.status.dead_letters > 0 {
            let matching = |dead_letter| {
                if filter.matches(&dead_letter) {
                    each(dead_letter);
                }
            };
            queue.browse(matching).await?;
        }
    }
    Ok(())
}

/// Opens the queues of the named services. Without names it opens the queues of all services of the system that have
/// one.
pub(crate) async fn open(options: &GlobalOptions, named: &[String]) -> Result<Vec<ServiceQueue>> {
    let broker = options.broker()?;
    let parts = &system()?.parts;
    let mut found = Vec::new();
    for service in services_or_all(named)? {
        let dead_letters = DeadLetters::on(Arc::clone(&broker), &service);
        let status = match dead_letters.status().await {
            Ok(status) => status,
            Err(RedriveError::NoQueue { .. }) if named.is_empty() => continue,
            Err(error) => return Err(with_advice(error)),
        };
        let part = parts.iter().find(|part| part.service == service).cloned();
        found.push(ServiceQueue { dead_letters, part, status });
    }
    if found.is_empty() {
        return Err(usage(format!(
            "none of {} has a dead-letter queue in this virtual host: name a service with \
             --service, or another virtual host in AMQP_URL",
            services()?.join(", ")
        )));
    }
    Ok(found)
}
