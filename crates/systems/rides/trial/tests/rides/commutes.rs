//! The steps of different rides do not disturb each other.

mod dispatch {
    use std::sync::Arc;

    use common::cards::Sandbox;

    ballet_testkit::commutes!(
        dispatch::Dispatch::new(crate::town::patient(), Arc::new(Sandbox::default())).service()
    );
}

mod location {
    ballet_testkit::commutes!(location::Location::new(Default::default()).service());
}
