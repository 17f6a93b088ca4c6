//! The states of rows: tables and types have the same.

use ballet_testkit::{assert_states, variants};
use common::cards::sandbox::OperationKind;
use dispatch::{OfferState, PaymentState, RideStatus};
use location::{DriverState, WorkState};
use rides_events::riders::Needs;

use crate::town::Town;

pub(crate) async fn each_state_that_a_table_allows_is_one_of_its_type(town: &Town) {
    let dispatch = [
        ("offer.state", variants::<OfferState>()),
        ("payment.state", variants::<PaymentState>()),
        ("ride.status", variants::<RideStatus>()),
        ("sandbox_operation.kind", variants::<OperationKind>()),
    ];
    let location =
        [("driver.state", variants::<DriverState>()), ("work.state", variants::<WorkState>())];
    for (service, types) in [
        ("dispatch", &dispatch[..]),
        ("location", &location),
        ("riders", &[("rider.needs", variants::<Needs>())]),
    ] {
        assert_states(town.system.env.database_url(service), types).await;
    }
}
