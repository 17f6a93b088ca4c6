//! Rides under trial.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use ballet::{Event, EventType};
use ballet_trials::{
    Audit, BegunSaga, Case, GatewaySetup, Move, Operation, OverdueDeadline, Report, ServiceProgram,
    Site, Trial,
};
use rides_events::dispatch::{DriverWanted, FareCharged, OfferEnded, OfferWithdrawn, RideOffered};
use rides_events::location::{DriverReleased, DriverReserved, ReservationCancelled};
use tokio::sync::watch;

use crate::audit::audit_beside;
use crate::load::cases::{CASES, RideScenario};
use crate::load::client::{BEHIND, RidesClient};
use crate::load::{customers, operations, schedules, services, town};

#[derive(Debug, Default)]
pub(crate) struct Rides {
    /// Customers so far. Several of them may share a trial's number, and each needs its own place.
    came: AtomicUsize,
}

impl Trial for Rides {
    type Case = RideScenario;

    const NAME: &'static str = "rides";
    const COMPLETED: &'static [EventType] = &[DriverReleased::TYPE, FareCharged::TYPE];
    /// Several drivers are asked for one ride.
    const REPEATED: &'static [EventType] = &[
        DriverWanted::TYPE,
        DriverReserved::TYPE,
        RideOffered::TYPE,
        OfferEnded::TYPE,
        OfferWithdrawn::TYPE,
        ReservationCancelled::TYPE,
    ];
    const SAGAS: &'static str = "rides";

    fn services(&self) -> Vec<ServiceProgram> {
        services::services()
    }

    fn cases(&self) -> Vec<Case<RideScenario>> {
        CASES.to_vec()
    }

    async fn play(&self, scenario: &RideScenario, _: usize, site: &Site) -> Result<BegunSaga> {
        let number = self.came.fetch_add(1, Ordering::Relaxed);
        let token = site.token(&site.new_id().to_string(), BEHIND).await?;
        customers::play(*scenario, RidesClient::new(site, number).with(token.as_deref())).await
    }

    async fn audit(&self, audit: Audit<'_>) -> Result<Report> {
        let Audit { at, framework, quiescent_after } = audit;
        Ok(audit_beside(framework, &at.databases, quiescent_after).await?)
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            // A ride must not reach the deadline while a service is killed every few seconds.
            ("RIDE_DEADLINE_SECONDS", "600".to_owned()),
            ("OFFER_SECONDS", "10".to_owned()),
            // Drivers send their position once, and a server may be down for minutes.
            ("DRIVER_SILENCE_SECONDS", "3600".to_owned()),
            ("OFFERS_PER_RIDE", "20".to_owned()),
        ]
    }

    async fn show(&self, site: &Arc<Site>, calm: watch::Receiver<bool>) -> Result<()> {
        town::live(site, calm).await
    }

    fn front(&self) -> Option<GatewaySetup> {
        Some(GatewaySetup {
            config: concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tools/gateway/rides.toml")
                .into(),
            main: || ballet_gateway::main(std::env::args_os()),
        })
    }

    async fn operations(&self, site: &Arc<Site>) -> Result<Vec<Operation>> {
        operations::operations(site).await
    }

    async fn moves<'a>(&'a self, _: usize, site: &'a Site) -> Result<Vec<Move<'a>>> {
        let number = self.came.fetch_add(1, Ordering::Relaxed);
        schedules::moves(RidesClient::new(site, number)).await
    }

    fn overdue(&self) -> Option<OverdueDeadline> {
        Some(OverdueDeadline {
            owner: "dispatch",
            without: "location",
            reason: "deadline_passed",
            case: "nobody is near",
        })
    }
}
