//! Spans over OTLP (HTTP, protobuf), to a collector that the settings name.

#[cfg(not(feature = "otlp"))]
mod absent;
#[cfg(feature = "otlp")]
mod exporter;

#[cfg(not(feature = "otlp"))]
pub(super) use absent::Otlp;
#[cfg(feature = "otlp")]
pub(super) use exporter::Otlp;

#[cfg(not(feature = "otlp"))]
use crate::service::otlp::absent::exporter;
#[cfg(feature = "otlp")]
use crate::service::otlp::exporter::exporter;

use crate::outgoing::spans::Spans;
use crate::service::settings::error::SettingsError;

pub(super) fn spans(endpoint: Option<&str>) -> Result<(Spans, Option<Otlp>), SettingsError> {
    let Some(endpoint) = endpoint.map(str::trim).filter(|endpoint| !endpoint.is_empty()) else {
        return Ok((Spans::off(), None));
    };
    let wrong = |why: String| SettingsError::new(format!("OTEL_EXPORTER_OTLP_ENDPOINT: {why}"));
    if !endpoint.starts_with("http://") {
        return Err(wrong(
            "the address of the collector has to begin with http://, for instance \
             http://localhost:4318; a collector elsewhere is reached through one that runs beside \
             the service"
                .to_owned(),
        ));
    }
    let (spans, otlp) = exporter(endpoint).map_err(wrong)?;
    Ok((spans, Some(otlp)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_off_unless_a_collector_is_named() {
        for none in [None, Some(""), Some(" ")] {
            let (spans, otlp) = spans(none).expect("a good setting");
            assert!(!spans.are_on() && otlp.is_none());
        }
        for good in ["http://localhost:4318", "http://10.0.0.1:4318", "http://[::1]:4318"] {
            assert!(spans(Some(good)).expect("a good setting").0.are_on(), "{good}");
        }
    }

    #[test]
    fn an_address_that_cannot_work_is_refused_with_an_example() {
        for wrong in ["https://collector", "localhost:4317", "grpc://collector"] {
            let error = spans(Some(wrong)).err().expect("refused").to_string();
            assert!(error.contains("OTEL_EXPORTER_OTLP_ENDPOINT: the address"), "{error}");
        }
    }
}
