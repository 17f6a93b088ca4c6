//! Streaming under trial.

use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use ballet::{Event, EventType};
use ballet_trials::{
    Audit, BegunSaga, Case, GatewaySetup, Move, Operation, OverdueDeadline, Report, ServiceProgram,
    Site, Trial,
};
use streaming_events::accounts::StreamSlotReleased;
use streaming_events::titles::PlaybackLicenseRevoked;

use crate::audit::audit_beside;
use crate::load::cases::{CASES, ViewerScenario};
use crate::load::client::StreamingClient;
use crate::load::viewers::{self, Shelf};
use crate::load::{operations, schedules, services};

#[derive(Debug, Default)]
pub(crate) struct Streaming {
    /// The viewers share these titles.
    shelf: OnceLock<Shelf>,
}

impl Trial for Streaming {
    type Case = ViewerScenario;

    const NAME: &'static str = "streaming";
    const COMPLETED: &'static [EventType] = &[StreamSlotReleased::TYPE];
    /// A withdrawal revokes the licences of many sessions.
    const REPEATED: &'static [EventType] = &[PlaybackLicenseRevoked::TYPE];
    const SAGAS: &'static str = "sessions";

    fn services(&self) -> Vec<ServiceProgram> {
        services::services()
    }

    fn cases(&self) -> Vec<Case<ViewerScenario>> {
        CASES.to_vec()
    }

    async fn play(
        &self,
        scenario: &ViewerScenario,
        number: usize,
        site: &Site,
    ) -> Result<BegunSaga> {
        let shelf = self.shelf.get().context("nothing is published")?;
        viewers::play(*scenario, StreamingClient::new(site, number), shelf).await
    }

    async fn prepare(&self, site: &Site) -> Result<()> {
        let shelf = Shelf::fill(site).await?;
        // A run prepares once.
        self.shelf.set(shelf).ok();
        Ok(())
    }

    async fn audit(&self, audit: Audit<'_>) -> Result<Report> {
        let Audit { at, framework, quiescent_after } = audit;
        Ok(audit_beside(framework, &at.databases, quiescent_after).await?)
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            // A session must not reach the deadline while a service is killed every few seconds.
            ("START_DEADLINE_SECONDS", "600".to_owned()),
            ("LOST_AFTER_SECONDS", "10".to_owned()),
        ]
    }

    fn front(&self) -> Option<GatewaySetup> {
        Some(GatewaySetup {
            config: concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tools/gateway/streaming.toml")
                .into(),
            main: || ballet_gateway::main(std::env::args_os()),
        })
    }

    async fn operations(&self, site: &Arc<Site>) -> Result<Vec<Operation>> {
        operations::operations(site).await
    }

    async fn moves<'a>(&'a self, number: usize, site: &'a Site) -> Result<Vec<Move<'a>>> {
        let shelf = self.shelf.get().context("nothing is published")?;
        schedules::moves(site, number, shelf).await
    }

    fn overdue(&self) -> Option<OverdueDeadline> {
        Some(OverdueDeadline {
            owner: "playback",
            without: "titles",
            reason: "deadline_passed",
            case: "a title of another region",
        })
    }

    fn unreachable(&self, service: &str, point: &str) -> Option<&'static str> {
        let commits = ["after_handler", "before_commit", "after_commit"]
            .map(|point| format!("{point}@{}", PlaybackLicenseRevoked::TYPE.name()));
        (service == "titles" && commits.iter().any(|one| one == point))
            .then_some("it is written with `done:revoke_licenses`, and the points are that row's")
    }
}
