//! `ballet topology` beside a running service, as in the rollout of a release.

use std::path::Path;

use ballet_stage::{Method, Servers, TestEnv, wait_until};
use ballet_testkit::command::{CommandOutput, ended};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::publish::contracts;
use crate::world::{CounterWorld, SOON, TICKED, ballet};

/// The command with the rights to repair the topology.
pub(crate) async fn topology(env: &TestEnv, place: &Path, arguments: &[&str]) -> Command {
    let user = env.amqp_url("topology").trim_start_matches("amqp://");
    let (user, _) = user.split_once('@').expect("a user");
    let servers = Servers::shared().await.expect("servers");
    let at = servers.rabbitmq().management_url().trim_start_matches("http://");
    let mut command = ballet(env, place);
    command.arg("topology").args(arguments).args(["--vhost", env.vhost()]);
    command.env("RABBITMQ_MANAGEMENT_URL", format!("http://{user}@{at}"));
    command
}

impl CounterWorld {
    pub(crate) async fn topology(&self, arguments: &[&str]) -> CommandOutput {
        let mut command = topology(&self.env, &self.place, arguments).await;
        command.env("BALLET_CONTRACTS", self.place.join("clocks"));
        ended(command).await
    }

    /// Waits until the service has compared its bindings, and is ready.
    async fn is_ready(&self) {
        let address = self.service.as_ref().expect("it runs").address();
        let url = format!("http://{address}/readyz");
        wait_until("a service that is ready", SOON, || async {
            let answer = reqwest::get(&url).await.map_err(|error| error.to_string())?;
            let status = answer.status();
            let said: Value = answer.json().await.map_err(|error| error.to_string())?;
            let is = status.is_success() && said["bindings"] == "ok";
            if is { Ok(Some(())) } else { Err(said.to_string()) }
        })
        .await
        .expect("ready");
    }
}

#[tokio::test]
async fn a_queue_that_is_made_anew_as_it_is_advised_costs_its_service_no_event() {
    let mut world = CounterWorld::new("anew").await;
    contracts(&world);
    world.is_ready().await;
    world.stop().await;
    let (management, vhost) = (world.env.management(), world.env.vhost());
    management.delete_queue("counter").await.expect("deleted");
    let classic = json!({ "durable": true, "arguments": { "x-queue-type": "classic" } });
    let path = ["queues", vhost, "counter"];
    management.call(Method::PUT, &path, Some(&classic)).await.expect("declared");
    let check = world.topology(&["check"]).await.ends_with(1);

    // By hand, as advised, while other services go on publishing.
    management.delete_queue("counter").await.expect("deleted");
    world.tick(TICKED, 0).await;
    world.topology(&["apply"]).await.ends_with(0);
    world.start().await;
    let mut advised = check.err.split('`').filter(|words| words.contains("--from-journal"));
    let advised = advised.next().expect("a command that sends what was missed");
    let advised = advised.replace("SERVICE", "counter").replace("TIME", "1h");
    let words: Vec<&str> = advised.split(' ').skip_while(|word| *word != "dlq").collect();
    let mut command = ballet(&world.env, &world.place);
    command
        .args(&words)
        .env("BALLET_CONTRACTS", world.place.join("clocks"))
        .env("DATABASE_URL", world.env.database_url("counter"));
    ended(command).await.ends_with(0).says(&["1 event sent to counter"]);
    world.all_counted_once(1).await;
    world.close().await;
}
