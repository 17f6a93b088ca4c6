//! The page of the running system's services.

use crate::pages::services;
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
