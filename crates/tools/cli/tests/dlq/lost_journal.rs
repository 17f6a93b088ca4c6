//! `ballet doctor` names a journal that has lost messages, and a queue whose process is gone.

use ballet::core::topology::JOURNAL;
use ballet_stage::{Method, Servers};
use serde_json::json;

use crate::doctor::ExaminedSystem;
use crate::world::TICKED;

/// The loss remains, so nothing is well after this.
pub(crate) async fn a_journal_that_has_lost_what_it_promises_is_named(patient: &ExaminedSystem) {
    let vhost = patient.world.env.vhost().to_owned();
    // The size of segments is fixed when a stream is made.
    patient.delete(&["queues", JOURNAL]).await;
    let small = json!({ "pattern": "^journal$", "apply-to": "queues", "priority": 9,
        "definition": { "max-length-bytes": 200_000, "stream-max-segment-size-bytes": 50_000 } });
    patient.call(Method::PUT, &["policies", &vhost, "small"], &small).await;
    patient.apply().await;
    let body = format!(r#"{{"number": 1, "of": "{}"}}"#, "0".repeat(10_000));
    for _ in 0..100 {
        let properties = json!({ "message_id": patient.world.new_id(), "type": TICKED });
        patient.world.publish(TICKED, &properties, &body).await;
    }
    patient.has("policy", "max-length-bytes is 200000").await;
    patient.delete(&["policies", "small"]).await;
    // The journal is as declared again, but the loss remains.
    patient.has("journal", "what is older is lost to redrive, restore and tap").await;
}

pub(crate) async fn a_queue_whose_process_is_gone_is_named(
    servers: &Servers,
    patient: &ExaminedSystem,
) {
    let rabbitmq = servers.rabbitmq();
    if rabbitmq.version().major >= 4 {
        // Seen on 4.3.6: it still names a leader, and `running`, for a queue whose process is gone.
        return;
    }
    let process = format!("whereis('{}_counter')", patient.world.env.vhost());
    // The supervisor gives up after a few deaths.
    let kill = format!(
        "[begin catch exit({process}, kill), timer:sleep(100) end || _ <- lists:seq(1, 6)], {process}."
    );
    assert_eq!(rabbitmq.control(&["eval", &kill]).await.expect("killed").trim(), "undefined");
    patient.has_also("queue", "counter stands still").await;
    patient.has_also("queue", "queue: queue `counter`: its process at the broker does not").await;
}
