//! A reader finds the ends of many streams, even if most are empty.

use ballet::{
    Failure, Participant, Reading, Service, Telemetry, TelemetryReader, TelemetryType, Tx,
};
use ballet_testkit::TestSystem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meter::{sent, settings};

/// As many that looks at one empty stream after the other take longer than all looks may.
const PARTITIONS: u16 = 20;
/// The last one by its name.
const LAST: u16 = 9;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Pulse {
    device: String,
}

impl Telemetry for Pulse {
    const TYPE: TelemetryType = TelemetryType::new("meter.pulse.v1").partitions(PARTITIONS);

    fn key(&self) -> impl AsRef<[u8]> {
        &self.device
    }
}

/// Has never read anything to its end: only a look says where the stream ends.
struct Pulses;

impl TelemetryReader for Pulses {
    const NAME: &'static str = "pulses";
    type Reads = Pulse;

    async fn read(&self, _: &mut Tx<'_>, _: &[Reading<Pulse>]) -> Result<(), Failure> {
        std::future::pending().await
    }

    async fn reset(&self, _: &mut Tx<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

fn participant() -> Participant {
    Participant::new("meter").publishes_telemetry::<Pulse>().reads_telemetry(Pulses)
}

#[tokio::test]
async fn the_end_of_a_stream_is_seen_behind_many_empty_ones() {
    let system = TestSystem::asleep("telemetry_many", vec![participant().part()]).await;
    let running = Service::new(participant()).start(settings(&system)).await.unwrap();
    let held = "select count(*) from ballet.telemetry_reader where held_until > ballet.now()";
    system.until("meter", held, PARTITIONS).await;
    let mut devices = (0..).map(|device| format!("d{device}"));
    let device = devices.find(|device| Pulse::TYPE.partition_of(device.as_bytes()) == LAST);
    sent(&running.handle().telemetry(), &Pulse { device: device.unwrap() }).await;
    let lag = format!(
        "select end_offset - coalesce(next_offset, 0) from ballet.telemetry_reader \
         where stream = '{}'",
        Pulse::TYPE.routing_key(LAST)
    );
    system.until("meter", &lag, 1).await;
    drop(running);
}
