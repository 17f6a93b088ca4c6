//! How riders and drivers act in a trial, and how often.

use ballet_trials::Case;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RideScenario {
    Ride,
    /// Every request to the card processor is lost once, and then its answer is.
    FlakyCard,
    CardDeclined,
    DeclineOnce,
    /// The first driver does not answer, and the second drives.
    SayNothing,
    /// The first driver goes offline when asked, and the second drives.
    GoOffline,
    /// The rider changes the name before the driver arrives.
    TakeAnotherName,
    NobodyNear,
    /// Requests to the card processor are lost, also the one that releases the hold.
    FlakyCardNobodyNear,
    AllDecline,
    TwoRidersOneDriver,
    CancelAtOnce,
    CancelWhileAsked,
    CancelRacesAcceptance,
    /// The rider cancels while the driver is on the way.
    CancelOnTheWay,
    /// The rider cancels when in the car, which is refused.
    CancelTooLate,
    /// The driver sends no position any more once the rider is in the car.
    LosePosition,
}

/// The cases that wait for somebody stand where a demo begins them early.
pub(crate) const CASES: [Case<RideScenario>; 17] = [
    Case::new("a ride", 24, RideScenario::Ride),
    Case::new("a flaky card", 5, RideScenario::FlakyCard),
    Case::new("the card is declined", 4, RideScenario::CardDeclined),
    Case::new("the first driver declines", 8, RideScenario::DeclineOnce),
    Case::new("the first driver goes offline", 5, RideScenario::GoOffline),
    Case::new("the rider takes another name", 4, RideScenario::TakeAnotherName),
    Case::new("nobody is near", 6, RideScenario::NobodyNear),
    Case::new("nobody is near, with a flaky card", 3, RideScenario::FlakyCardNobodyNear),
    Case::new("all decline", 5, RideScenario::AllDecline),
    Case::new("two riders and one driver", 5, RideScenario::TwoRidersOneDriver),
    Case::new("cancelled at once", 4, RideScenario::CancelAtOnce),
    Case::new("the first driver says nothing", 5, RideScenario::SayNothing),
    Case::new("cancelled while a driver is asked", 5, RideScenario::CancelWhileAsked),
    Case::new("cancelled as the driver accepts", 5, RideScenario::CancelRacesAcceptance),
    Case::new("cancelled with the driver on the way", 5, RideScenario::CancelOnTheWay),
    Case::new("the driver's positions stop", 3, RideScenario::LosePosition),
    Case::new("cancelled too late", 4, RideScenario::CancelTooLate),
];
