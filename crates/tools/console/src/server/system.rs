//! The page of the running system's services.

use ballet_ops::monitor::coverage;

use crate::pages::services;
use crate::server::live::standing;
use crate::server::visit::{Answer, Visit};
use crate::store::counts;

pub(super) async fn services(visit: Visit) -> Answer {
    let Visit { site, person } = &visit;
    let open = visit.read(counts::open(&site.context.pool).await)?;
    let oldest = visit.read(counts::oldest(&site.context.pool).await)?;
    let types = visit.read(counts::types(&site.context.pool).await)?;
    let count = |name: &str| {
        let seen = types.iter().find(|seen| seen.name == name);
        seen.map_or(0, |seen| u64::try_from(seen.count).unwrap_or_default())
    };
    let content = {
        let found = site.found.borrow();
        services::services(&services::ServicesPage {
            standing: &standing(&found),
            found: &found,
            services: &site.context.contract_index.services(),
            open: &open,
            oldest: &oldest,
            coverage: &coverage(site.context.contract_index.system(), count),
            person,
            now: site.context.clock.now(),
        })
    };
    visit.page("/services", "Services", &content)
}
