//! The service in Python with its broker and its database.

use std::path::Path;
use std::process::Stdio;

use ballet_stage::Servers;
use ballet_testkit::TestSystem;
use tokio::process::{Child, Command};

use crate::contract::in_python;
use crate::faults;

/// The programs without which tests of the service in Python are left out.
pub(crate) const PYTHON: &str = "Python with pika and psycopg";
pub(crate) const TRIGGER: &str = "orders.order_placed.v1";

/// Prepares everything; the service does not run yet.
pub(crate) async fn asleep(name: &str) -> TestSystem {
    let servers = Servers::shared().await.expect("servers");
    TestSystem::asleep_on(servers, name, vec![in_python().part]).await
}

/// Dropping the returned value ends the service.
pub(crate) fn start(python: &Path, system: &TestSystem) -> Child {
    Command::new(python)
        .args(["-m", "loyalty"])
        .current_dir(faults::original())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AMQP_URL", system.env.amqp_url("loyalty"))
        .env("DATABASE_URL", system.env.database_url("loyalty"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("a process")
}
