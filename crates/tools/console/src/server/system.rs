//! The pages of the running system's services, and of what ran of what is declared.

use ballet_ops::monitor;

use crate::pages::{coverage, services};
use crate::server::live::standing;
use crate::server::visit::{Answer, Visit};
use crate::store::counts;

pub(super) async fn services(visit: Visit) -> Answer {
    let Visit { site, person } = &visit;
    let open = visit.read(counts::open(&site.context.pool).await)?;
    let oldest = visit.read(counts::oldest(&site.context.pool).await)?;
    let content = {
        let found = site.found.borrow();
        services::services(&services::ServicesPage {
            standing: &standing(&found),
            found: &found,
            services: &site.context.contract_index.services(),
            open: &open,
            oldest: &oldest,
            person,
            now: site.context.clock.now(),
        })
    };
    visit.page("/services", "Services", &content)
}

pub(super) async fn coverage(visit: Visit) -> Answer {
    let context = &visit.site.context;
    let types = visit.read(counts::types(&context.pool).await)?;
    let count = |name: &str| {
        let seen = types.iter().find(|seen| seen.name == name);
        seen.map_or(0, |seen| u64::try_from(seen.count).unwrap_or_default())
    };
    let steps = monitor::coverage(context.contract_index.system(), count);
    let paths = visit.site.watched.with(|monitor| monitor.undeclared_paths());
    visit.page("/coverage", "Coverage", &coverage::coverage(&steps, &paths))
}
