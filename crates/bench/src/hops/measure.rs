//! Runs one saga after the other with spans on, and reads the hand-overs of each message from them.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ballet_testkit::{CollectedSpan, Collector};
use tokio::time::sleep;

use crate::contestants::contestant::Contestant;
use crate::hops::figures::{Hop, Hops};
use crate::runs::load::{LoadPlan, SagaLoad};
use crate::runs::services::{self, ServiceSetting};
use crate::runs::stage::BenchStage;

/// The saga's messages, in order. No service publishes the first.
const MESSAGES: [&str; 5] =
    ["a.wanted.v1", "a.opened.v1", "b.moved.v1", "c.moved.v1", "d.moved.v1"];
/// The time until spans have left a service, which exports them once a second.
const EXPORTED: Duration = Duration::from_secs(3);

/// Measures for this time. `say` is called with each task.
///
/// # Errors
///
/// If a service does not start or ends, or spans are missing.
pub async fn measure(stage: &BenchStage, time: Duration, say: impl Fn(&str)) -> Result<Hops> {
    let collector = Collector::start().await.context("cannot collect spans")?;
    let env = stage.env(Contestant::Ballet).await?;
    let setting =
        ServiceSetting { collector: Some(collector.address()), ..ServiceSetting::default() };
    let services = services::start(stage, Contestant::Ballet, &env, setting).await?;
    let mut load =
        SagaLoad::connect(&env, LoadPlan { in_flight: 1, ..LoadPlan::default() }).await?;
    say("hops: one saga after the other");
    load.go(time).await?;
    load.finish().await?;
    sleep(EXPORTED).await;
    services.check()?;
    let latencies: Vec<f64> =
        load.ended.iter().map(|(.., took)| took.as_secs_f64() * 1e3).collect();
    load.close().await;
    services.stop().await;
    env.close().await?;
    let hops = read(&collector.all());
    let complete = hops.iter().map(|hop| hop.handler.len()).min().unwrap_or_default();
    ensure!(
        complete * 10 >= latencies.len() * 9,
        "spans are missing: {complete} of {}",
        latencies.len()
    );
    Ok(Hops { latencies, hops })
}

fn milliseconds(from: u64, to: u64) -> f64 {
    // Clocks may differ a little, so an end may lie before its beginning.
    Duration::from_nanos(to.saturating_sub(from)).as_secs_f64() * 1e3
}

fn read(spans: &[CollectedSpan]) -> Vec<Hop> {
    let message = |span: &CollectedSpan| span.attributes.get("messaging.message.id").cloned();
    let (mut published, mut steps, mut sent) = (HashMap::new(), HashMap::new(), HashMap::new());
    for span in spans {
        match &*span.kind {
            "producer" => {
                sent.extend(span.parent.as_ref().map(|step| (step, span)));
                published.extend(message(span).map(|id| (id, span)));
            }
            "internal" => steps.extend(span.parent.as_ref().map(|receive| (receive, span))),
            _ => {}
        }
    }
    let mut hops = MESSAGES.map(Hop::new);
    for received in spans.iter().filter(|span| span.kind == "consumer") {
        let name = |hop: &&mut Hop| received.name.ends_with(hop.message);
        let Some(hop) = hops.iter_mut().find(name) else { continue };
        let Some(step) = steps.get(&received.span_id) else { continue };
        let Some(next) = sent.get(&step.span_id) else { continue };
        if let Some(before) = message(received).and_then(|id| published.get(&id)) {
            hop.way.push(milliseconds(before.time.0, received.time.0));
        }
        hop.begin.push(milliseconds(received.time.0, step.time.0));
        hop.handler.push(milliseconds(step.time.0, step.time.1));
        hop.commit.push(milliseconds(step.time.1, next.time.0));
        hop.confirm.push(milliseconds(next.time.0, next.time.1));
    }
    hops.into()
}
