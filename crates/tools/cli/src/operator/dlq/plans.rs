//! A command's plan for each service, and the tidying up.

use anyhow::Result;
use ballet::MessageId;
use ballet_ops::redrive::{DeadLetterFilter, DeadLetterPlan};
use ballet_store::inbox::failures;
use sqlx::Connection;

use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output};
use crate::operator::dead_letters::{self, ServiceQueue};
use crate::operator::dlq::render;
use crate::operator::dlq::selection::DeadLetterSelection;
use crate::operator::missed_events::floor;

pub(crate) struct ServicePlan {
    pub(crate) queue: ServiceQueue,
    pub(crate) plan: DeadLetterPlan,
}

/// Reads the queues and plans for the selected dead letters, at most for `limit` of them.
pub(crate) async fn plans(
    selection: &DeadLetterSelection,
    limit: Option<u64>,
    options: &GlobalOptions,
) -> Result<Vec<ServicePlan>> {
    let floor = floor(options);
    let (mut planned, mut left) = (Vec::new(), limit);
    for queue in dead_letters::open(options, &selection.service).await? {
        queue.warn_of_readers();
        if queue.status.dead_letters == 0 {
            continue;
        }
        let filter = DeadLetterFilter { limit: left, ..selection.filter() };
        let plan = queue.dead_letters.plan(filter, queue.part.clone(), floor).await?;
        left = left.map(|left| left - plan.dead_letters());
        if plan.dead_letters() > 0 {
            planned.push(ServicePlan { queue, plan });
        }
    }
    let ids = planned.iter().flat_map(|planned| planned.plan.message_ids());
    selection.require_whole_ids(ids)?;
    Ok(planned)
}

pub(crate) fn show(planned: &[ServicePlan], options: &GlobalOptions) {
    if options.output != Output::Table {
        return;
    }
    let groups: Vec<_> = planned.iter().flat_map(|planned| planned.plan.groups().all()).collect();
    render::groups(&groups, options);
}

/// Messages that will not come again leave the list of stuck ones.
pub(crate) async fn forget(options: &GlobalOptions, service: &str, gone: &[MessageId]) {
    if gone.is_empty() {
        return;
    }
    let forget = async {
        let mut db = options.connect_needed(service, "that list is in the databases").await?;
        failures::forget(&mut db, gone).await?;
        anyhow::Ok(db.close().await?)
    };
    if let Err(error) = forget.await {
        ui::note(&format!("`sagas stuck` may still list some of {service}: {error:#}"));
    }
}
