//! The scenarios of viewers, and how often each is played.

use ballet_trials::Case;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ViewerScenario {
    Watch,
    /// Watches with a pause, and with heartbeats that come twice and out of order.
    Pause,
    /// Goes silent, so that the session is lost.
    LoseNetwork,
    /// Stops at once, perhaps before the session started.
    Cancel,
    /// Starts a third stream on a plan for two.
    ShareTooOften,
    /// Starts a second stream on a plan that stops the oldest.
    ShareOne,
    TakeSmallerPlan,
    RemoveDevice,
    WatchWithdrawn,
    CloseAccount,
    WantForeign,
    /// Wants a title for older people.
    WantGrim,
    WantUnknown,
}

pub(crate) const CASES: [Case<ViewerScenario>; 13] = [
    Case::new("watches and stops", 40, ViewerScenario::Watch),
    Case::new("pauses", 10, ViewerScenario::Pause),
    Case::new("loses the network", 6, ViewerScenario::LoseNetwork),
    Case::new("stops at once", 4, ViewerScenario::Cancel),
    Case::new("a third stream on a plan for two", 6, ViewerScenario::ShareTooOften),
    Case::new("a second stream that stops the first", 6, ViewerScenario::ShareOne),
    Case::new("a smaller plan while it plays", 4, ViewerScenario::TakeSmallerPlan),
    Case::new("removes the device that plays", 4, ViewerScenario::RemoveDevice),
    Case::new("a title that is withdrawn", 4, ViewerScenario::WatchWithdrawn),
    Case::new("closes the account", 4, ViewerScenario::CloseAccount),
    Case::new("a title of another region", 4, ViewerScenario::WantForeign),
    Case::new("a title for older people", 4, ViewerScenario::WantGrim),
    Case::new("a title that does not exist", 4, ViewerScenario::WantUnknown),
];
