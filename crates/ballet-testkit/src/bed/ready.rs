use std::collections::BTreeMap;

use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, ExchangeKind};
use reqwest::{Method, Url};

use super::definitions::World;
use crate::error::{Error, Result};
use crate::management::Management;
use crate::servers::rabbitmq::{amqp, log_in};

/// Gives the broker the definitions, and makes sure that they took: an import may do nothing
/// without saying so, and an open port says even less.
pub(super) async fn apply(
    management: &Management,
    world: &World,
    users: &BTreeMap<String, Url>,
    services: &[&str],
    ops: &Url,
) -> Result<()> {
    management.call(Method::POST, &["definitions"], Some(&world.document)).await?;
    runs_everywhere(management, &world.vhost).await?;
    check(ops, world).await?;
    for url in services.iter().filter_map(|service| users.get(*service)) {
        check(url, world).await?;
    }
    Ok(())
}

/// On each node of a cluster: where it does not, the broker has stopped half way, without saying so.
async fn runs_everywhere(management: &Management, vhost: &str) -> Result<()> {
    let found = management.call(Method::GET, &["vhosts", vhost], None).await?;
    let nodes = found["cluster_state"].as_object().into_iter().flatten();
    let down: Vec<&String> =
        nodes.filter(|(_, state)| *state != "running").map(|(node, _)| node).collect();
    if down.is_empty() {
        return Ok(());
    }
    Err(Error::Server {
        what: format!("making the vhost {vhost}"),
        place: management.url().to_owned(),
        cause: format!("it does not run on {down:?}"),
        advice: "was that node still starting? Try again once `rabbitmqctl await_startup` is content there",
    })
}

/// Logs in and looks at everything; looking needs no permission.
async fn check(url: &Url, world: &World) -> Result<()> {
    let connection = log_in(url).await?;
    let looked = async {
        let channel = connection.create_channel().await?;
        for exchange in &world.exchanges {
            exchange_is_there(&channel, exchange).await?;
        }
        for queue in &world.queues {
            let look = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(queue.as_str().into(), look, FieldTable::default()).await?;
        }
        connection.close(200, "seen".into()).await
    };
    looked.await.map_err(|error| amqp(url, &error))
}

async fn exchange_is_there(channel: &Channel, exchange: &str) -> lapin::Result<()> {
    let look = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    // The kind is not compared when looking.
    let kind = ExchangeKind::Topic;
    channel.exchange_declare(exchange.into(), kind, look, FieldTable::default()).await
}
