//! All events of streaming with their JSON schemas, from which the documents are generated.

use ballet_core::{CopyRequested, Entity, Event, EventType, Republished};
use schemars::{Schema, schema_for};

use crate::{accounts, playback, titles};

/// Returns every event of streaming with its JSON schema, by service and then in the order of the sagas. The
/// requests for copies come last.
#[must_use]
pub fn schemas() -> Vec<(EventType, Schema)> {
    macro_rules! of {
        ($($event:ty),+ $(,)?) => { vec![$((<$event as Event>::TYPE, schema_for!($event))),+] };
    }
    let mut schemas = of![
        accounts::AccountOpened,
        accounts::PlanChanged,
        accounts::DeviceRemoved,
        accounts::ViewerAdmitted,
        accounts::StreamSlotReserved,
        accounts::StreamSlotDenied,
        accounts::StreamSlotCancelled,
        accounts::StreamSlotReleased,
        accounts::AccountClosed,
        accounts::AccountErased,
        playback::PlaybackRequested,
        playback::PlaybackStarted,
        playback::PlaybackRefused,
        playback::PlaybackDeadlinePassed,
        playback::PlaybackEnded,
        playback::ViewerErased,
        titles::TitlePublished,
        titles::TitleWithdrawn,
        titles::TitleLicensesRevoked,
        titles::PlaybackLicenseRevoked,
        titles::PlaybackLicenseGranted,
        titles::PlaybackLicenseDenied,
        titles::PlaybackLicenseCancelled,
        Republished<titles::Title>,
    ];
    let requests = titles::Title::REQUESTS.iter();
    schemas.extend(requests.map(|request| (*request, schema_for!(CopyRequested))));
    schemas
}
