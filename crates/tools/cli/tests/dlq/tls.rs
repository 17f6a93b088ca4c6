use std::path::Path;

use ballet_stage::{Options, Servers};
use ballet_testkit::certificates::Authority;
use ballet_testkit::command::ended;
use tokio::process::Command;

use crate::world::{CounterWorld, ballet};

fn with_certificates(
    mut command: Command,
    amqp: &str,
    database: &str,
    amqp_ca: &Path,
    database_ca: &Path,
) -> Command {
    command.env("AMQP_URL", amqp).env("DATABASE_URL", database);
    command.env("AMQP_CA_FILE", amqp_ca).arg("--database-ca-file").arg(database_ca);
    command
}

#[tokio::test]
async fn t161_the_command_speaks_tls_and_tells_what_is_wrong_with_a_certificate() {
    let authority = Authority::new("ours");
    let identity = authority.identity(&["localhost"]);
    let servers = Servers::private(Options::fast().tls(&identity)).await.expect("servers");
    let Some(port) = servers.rabbitmq().tls_port() else {
        use std::io::Write;
        // Past the harness, which hides the output of a passing test.
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
    let stranger = Authority::new("a stranger's");
    let stranger = file("stranger.pem", stranger.certificate());
    world.dead_ticks(1).await;

    let plain = world.env.amqp_url("redrive").to_owned();
    let (user, _) = plain.split_once("@127.0.0.1:").expect("an address");
    let user = user.replace("amqp://", "amqps://");
    let amqp = format!("{user}@localhost:{port}/{}", world.env.vhost());
    let database = world.env.database_url("counter").replace("127.0.0.1", "localhost");
    let redrive = |amqp: &str, amqp_ca: &Path| {
        with_certificates(world.command(&["redrive", "--all"]), amqp, &database, amqp_ca, &ca)
    };
    for (amqp, amqp_ca, code, says) in [
        (&plain, &ca, 2, "write amqps://"),
        (&amqp, &stranger, 4, "set AMQP_CA_FILE to the CA"),
        (&amqp, &world.place.join("nothing.pem"), 2, "nothing.pem cannot be read"),
    ] {
        let refused = ended(redrive(amqp, amqp_ca)).await;
        assert!(refused.err.contains(says), "{says}: {refused:?}");
        refused.ends_with(code);
    }
    let waiting = |database_ca: &Path| {
        let mut command = ballet(&world.env, &world.place);
        command.args(["inbox", "list", "--service", "counter"]);
        with_certificates(command, &amqp, &database, &ca, database_ca)
    };
    ended(waiting(&ca)).await.ends_with(0);
    let refused = ended(waiting(&stranger)).await;
    assert!(refused.err.contains("set DATABASE_CA_FILE to the CA"), "{refused:?}");
    ended(redrive(&amqp, &ca)).await.ends_with(0).says(&["1 dead letter sent back"]);
    world.all_counted_once(1).await;
    world.close().await;
    servers.stop().await.expect("stopped");
}
