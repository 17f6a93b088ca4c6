//! The copies of a command, and their databases.

use anyhow::{Context as _, Result};
use ballet_store::copies::state::{self as copies, CopyState};
use sqlx::{Connection, PgConnection};

use crate::base::options::GlobalOptions;
use crate::base::systems::services_or_all;

#[derive(Debug, clap::Args)]
pub(crate) struct CopySelection {
    /// Only the copies of this service [default: all known services]
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    pub(super) service: Vec<String>,
    /// Only copies of this entity
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    entity: Vec<String>,
}

pub(super) struct ServiceCopy {
    pub(super) service: String,
    pub(super) copy: CopyState,
}

impl CopySelection {
    pub(super) async fn find(&self, options: &GlobalOptions) -> Result<Vec<ServiceCopy>> {
        let mut found = Vec::new();
        for service in services_or_all(&self.service)? {
            let mut db = connect(&service, options).await?;
            let copies = copies::copies(&mut db).await;
            let copies = copies.with_context(|| format!("the database of {service}"))?;
            db.close().await?;
            let wanted =
                |copy: &CopyState| self.entity.is_empty() || self.entity.contains(&copy.entity);
            let of_service = copies.into_iter().filter(wanted);
            found.extend(of_service.map(|copy| ServiceCopy { service: service.clone(), copy }));
        }
        Ok(found)
    }
}

pub(super) async fn connect(service: &str, options: &GlobalOptions) -> Result<PgConnection> {
    options.connect_needed(service, "copies are in the services' databases").await
}

pub(super) async fn reader_and_owner(
    kept: &ServiceCopy,
    options: &GlobalOptions,
) -> Result<(PgConnection, PgConnection)> {
    Ok((connect(&kept.service, options).await?, connect(&kept.copy.owner, options).await?))
}

pub(super) fn not_shared(copy: &CopyState) -> String {
    let CopyState { entity, owner, .. } = copy;
    format!("{owner} does not share {entity}: no release of it that does has started yet")
}
