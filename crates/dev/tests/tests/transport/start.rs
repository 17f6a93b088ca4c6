//! A service and its database at the start.

use ballet::{Migration, Service, StartError};

use crate::scene::{asleep, settings};
use crate::trip::{Trouble, hotel};
use crate::world::the_hotel;

#[tokio::test]
async fn t124_a_schema_that_does_not_fit_ends_the_start_and_is_named() {
    const OTHER: &[Migration] =
        &[Migration { name: "0001_room", sql: "create table room (number int)" }];
    const MISSING: &[Migration] =
        &[Migration { name: "0002_suite", sql: "alter table suite add column stars int" }];
    let world = asleep("misfit", vec![the_hotel()]).await;
    for (migrations, named) in [(OTHER, "migration 1"), (MISSING, "\"suite\"")] {
        let service = Service::new(hotel(Trouble::default())).migrations(migrations);
        let failed = service.start(settings(&world, "hotel")).await.unwrap_err();
        assert!(matches!(failed, StartError::Migrate(_)), "{failed}");
        let mut text = failed.to_string();
        let mut source = std::error::Error::source(&failed);
        while let Some(cause) = source {
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        assert!(text.contains(named), "{text}");
    }
}
