//! A service and its database at the start.

use ballet::{Migration, Service, StartError};
use sqlx::{Connection, PgConnection};

use crate::scene::{asleep, settings, the_hotel};
use crate::trip::{Trouble, hotel};
use crate::world::World;

/// Columns, indexes and applied migrations.
async fn schema(world: &World) -> Vec<String> {
    let mut db = PgConnection::connect(world.bed.database_url("hotel")).await.unwrap();
    let sql = "select concat_ws(' ', table_schema, table_name, column_name, data_type, is_nullable) \
               from information_schema.columns where table_schema in ('ballet', 'public') \
               union all select indexdef from pg_indexes where schemaname in ('ballet', 'public') \
               union all select concat_ws(' ', 'applied', version, installed_on) \
               from ballet._framework_migrations \
               union all select concat_ws(' ', 'applied', version, installed_on) \
               from ballet._service_migrations order by 1";
    let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&mut db).await.unwrap();
    // Partitions come and go with the days.
    let of_a_day = |row: &str| row.contains("_20");
    let rows = rows.into_iter().map(|(row,)| row);
    rows.filter(|row| row.starts_with("applied") || !of_a_day(row)).collect()
}

#[tokio::test]
async fn t122_a_start_makes_the_schema_and_the_next_changes_nothing() {
    let mut world = asleep("schema", vec![the_hotel()]).await;
    let made = schema(&world).await;
    assert!(made.iter().any(|row| row.starts_with("public room saga_id uuid")), "{made:#?}");
    assert!(made.iter().any(|row| row.starts_with("ballet inbox message_id uuid")), "{made:#?}");
    world.start(the_hotel()).await;
    assert_eq!(schema(&world).await, made);
}

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
