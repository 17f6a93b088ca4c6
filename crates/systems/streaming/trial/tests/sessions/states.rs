//! The states of rows: tables and types have the same.

use accounts::{AtLimit, SlotState};
use ballet_testkit::{assert_states, variants};
use playback::SessionStatus;
use titles::LicenseState;

use crate::world::StreamingWorld;

pub(crate) async fn each_state_that_a_table_allows_is_one_of_its_type(world: &StreamingWorld) {
    let accounts = [
        ("account.at_limit", variants::<AtLimit>()),
        ("plan.at_limit", variants::<AtLimit>()),
        ("slot.state", variants::<SlotState>()),
    ];
    for (service, types) in [
        ("accounts", &accounts[..]),
        ("analytics", &[]),
        ("playback", &[("session.status", variants::<SessionStatus>())]),
        ("titles", &[("license.state", variants::<LicenseState>())]),
    ] {
        assert_states(world.system.env.database_url(service), types).await;
    }
}
