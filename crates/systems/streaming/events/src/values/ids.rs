//! The ids of streaming.

use ballet_core::ids;

ids! {
    /// An account: a household that pays for one plan.
    AccountId,
    /// The closure of an account. It is also the id of the closure's saga.
    ClosureId,
    /// A device of an account.
    DeviceId,
    /// One title played on one device. It is also the id of the session's saga.
    SessionId,
    /// A title: a film or an episode.
    TitleId,
    /// The withdrawal of a title. It is also the id of the withdrawal's saga.
    WithdrawalId,
}
