//! `ballet topology` with the rights to repair.

use std::path::Path;

use ballet_stage::{Servers, TestEnv};
use tokio::process::Command;

use crate::world::ballet;

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
