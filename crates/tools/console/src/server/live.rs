//! What the page Now shows, read at most once a second for all.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::observer::system_findings::SystemFindings;
use crate::pages::now::NowPage;
use crate::pages::standing::PartsStanding;
use crate::server::site::Site;
use crate::store::{counts, flow, violations};

const MOMENT: Duration = Duration::from_secs(8);
/// Whoever opens the page within this time gets the same.
pub(crate) const FRESH: Duration = Duration::from_millis(900);

pub(super) async fn seen(site: &Site) -> Arc<Result<NowPage, sqlx::Error>> {
    site.now.or_find(in_a_moment(find(site))).await
}

pub(super) async fn in_a_moment<T>(
    read: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silence = |_| Err(sqlx::Error::Io(ErrorKind::TimedOut.into()));
    timeout(MOMENT, read).await.unwrap_or_else(silence)
}

async fn find(site: &Site) -> Result<NowPage, sqlx::Error> {
    let (pool, at) = (&site.context.pool, site.context.clock.now());
    let (hindrances, places, standing) = {
        let found = site.found.borrow();
        (found.hindrances.clone(), found.places(), standing(&found))
    };
    let (causes, types, rates, ended, violations, progress) = tokio::try_join!(
        counts::causes(pool, &places),
        counts::types(pool),
        flow::rates(pool, at),
        counts::ended(pool, at),
        violations::recent(pool),
        counts::progress(pool)
    )?;
    Ok(NowPage { causes, types, rates, ended, progress, hindrances, violations, standing, at })
}

pub(super) fn standing(found: &SystemFindings) -> PartsStanding {
    let has_databases = !found.figures.is_empty();
    PartsStanding { unwell: found.unwell(), at: found.at, has_databases }
}
