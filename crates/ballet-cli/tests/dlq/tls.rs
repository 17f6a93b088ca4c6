//! The command, on servers that speak TLS.

use std::path::Path;

use ballet_stage::{Authority, Options, Servers};
use ballet_testkit::command::ended;
use tokio::process::Command;

use crate::world::CounterWorld;

/// `ballet dlq redrive --all` with these servers and certificates.
fn redrive(
    world: &CounterWorld,
    amqp: &str,
    database: &str,
    amqp_ca: &Path,
    database_ca: &Path,
) -> Command {
    let mut command = world.command(&["redrive", "--all"]);
    command.env("AMQP_URL", amqp).env("DATABASE_URL", database);
    command.env("AMQP_CA_FILE", amqp_ca).arg("--database-ca-file").arg(database_ca);
    command
}

#[tokio::test]
async fn t161_the_command_speaks_tls_and_tells_what_is_wrong_with_a_certificate() {
    let authority = Authority::new().expect("an authority");
    let identity = authority.identity(&["localhost"]).expect("an identity");
    let servers = Servers::private(Options::fast().tls(&identity)).await.expect("servers");
    let Some(port) = servers.rabbitmq().tls_port() else {
        use std::io::Write;
        // Written past the harness, which keeps the output of a test that passes.
        writeln!(std::io::stderr(), "SKIPPED: TLS needs servers from local programs").ok();
        return;
    };
    let world = CounterWorld::on(&servers, "tls").await;
    let file = |name: &str, text: &str| {
        let path = world.place.join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let ca = file("ca.pem", authority.certificate());
    let stranger = Authority::new().expect("an authority");
    let stranger = file("stranger.pem", stranger.certificate());
    world.dead_ticks(1).await;

    let plain = world.env.amqp_url("redrive").to_owned();
    let (user, _) = plain.split_once("@127.0.0.1:").expect("an address");
    let user = user.replace("amqp://", "amqps://");
    let amqp = format!("{user}@localhost:{port}/{}", world.env.vhost());
    let database = world.env.database_url("counter").replace("127.0.0.1", "localhost");
    for (amqp, amqp_ca, database_ca, code, says) in [
        (&plain, &ca, &ca, 2, "write amqps://"),
        (&amqp, &stranger, &ca, 4, "set AMQP_CA_FILE to the CA"),
        (&amqp, &ca, &stranger, 4, "set DATABASE_CA_FILE to the CA"),
        (&amqp, &ca, &world.place.join("nothing.pem"), 2, "nothing.pem cannot be read"),
    ] {
        let refused = ended(redrive(&world, amqp, &database, amqp_ca, database_ca)).await;
        assert!(refused.err.contains(says), "{says}: {refused:?}");
        refused.ends_with(code);
    }
    ended(redrive(&world, &amqp, &database, &ca, &ca)).await.ends_with(0).prints(&["was handled"]);
    world.all_counted_once(1).await;
    world.close().await;
    servers.stop().await.expect("stopped");
}
