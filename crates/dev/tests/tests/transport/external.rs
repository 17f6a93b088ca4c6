//! A login by certificate alone: EXTERNAL.

use std::path::Path;

use ballet::Service;
use ballet_amqp::TlsFiles;
use ballet_stage::Servers;
use ballet_testkit::certificates::Authority;

use crate::scene::rome;
use crate::tls::{Files, amqps, database, refusal, settings, url_user};
use crate::trip::{HOTEL_TABLES, RoomBooked};
use crate::world::{TripWorld, the_hotel};

/// The hotel's user has no password from now on.
pub(crate) async fn a_certificate_signs_in_without_a_password(
    world: &TripWorld,
    servers: &Servers,
    authority: &Authority,
    ca: &Path,
) {
    let files = Files::new("external");
    let user = url_user(world.env.amqp_url("hotel"));
    servers.rabbitmq().control(&["clear_password", user]).await.unwrap();
    let with_password = amqps(world, servers, "localhost");
    let (_, place) = with_password.split_once('@').unwrap();
    let external = format!("amqps://{place}?auth_mechanism=external");
    let shown = |name: &str| {
        let identity = authority.identity(&[name]);
        TlsFiles {
            ca: Some(ca.to_owned()),
            certificate: Some(files.file(&format!("{name}.pem"), &identity.certificate)),
            key: Some(files.file(&format!("{name}.key"), &identity.key)),
        }
    };

    let refused = refusal(&with_password, shown(user)).await;
    assert!(refused.contains("refused the login"), "{refused}");
    let nobody = refusal(&external, shown("nobody")).await;
    assert!(nobody.contains("user `of our certificate`"), "{nobody}");
    assert!(nobody.contains("refused the login"), "{nobody}");

    let ours = shown(user);
    let mut settings = settings(external, database(world, "localhost"), ca.to_owned());
    (settings.tls.amqp_cert_file, settings.tls.amqp_key_file) =
        (ours.certificate.clone(), ours.key.clone());
    // The database asks for one, too.
    (settings.tls.database_cert_file, settings.tls.database_key_file) =
        (ours.certificate, ours.key);
    let service = Service::new(the_hotel().participant).migrations(HOTEL_TABLES);
    let running = service.start(settings).await.unwrap();
    let saga = world.new_saga();
    world.publish(saga, &rome()).await;
    world.event::<RoomBooked>(saga).await;
    running.stop().await;
}
