//! Spans over OTLP, by gRPC or by HTTP with protobuf, to a collector that the settings name.

#[cfg(not(feature = "otlp"))]
mod absent;
#[cfg(feature = "otlp")]
mod exporter;

use axum::http::Uri;
use axum::http::uri::Authority;

#[cfg(not(feature = "otlp"))]
pub(super) use absent::Otlp;
#[cfg(feature = "otlp")]
pub(super) use exporter::Otlp;

#[cfg(not(feature = "otlp"))]
use crate::service::otlp::absent::exporter;
#[cfg(feature = "otlp")]
use crate::service::otlp::exporter::exporter;

use crate::outgoing::sampler::Sampler;
use crate::outgoing::spans::Spans;
use crate::service::settings::error::SettingsError;
use crate::service::settings::settings::Settings;

const GRPC: &str = "grpc";
#[cfg(any(feature = "otlp", test))]
const HTTP: &str = "http/protobuf";

/// The port that OTLP has for gRPC.
const GRPC_PORT: u16 = 4317;
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const ABSENT: &str = "this program is built without ballet's feature `otlp`";
const NO_ADDRESS: &str = "the address of the collector has to begin with http://, for instance \
                          http://localhost:4318; a collector elsewhere is reached through one that \
                          runs beside the service";

/// What the settings say about spans.
#[derive(Debug)]
pub(super) struct SpanSettings {
    collector: Option<Collector>,
    sampler: Sampler,
    /// What is not done as it was set. That is no error, since the variables may be meant for all programs of a
    /// cluster.
    remarks: Vec<String>,
}

#[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "nothing exports to it"))]
#[derive(Debug)]
struct Collector {
    /// For HTTP with the path.
    url: String,
    /// Host and port, for the log.
    address: String,
    is_grpc: bool,
    /// The service's name in spans, if it is another than its own.
    service_name: Option<String>,
}

impl SpanSettings {
    /// Opens the way to the collector, which needs the runtime, and logs the remarks.
    pub(super) fn open(self) -> Result<(Spans, Option<Otlp>), SettingsError> {
        self.remarks.iter().for_each(|remark| tracing::warn!("{remark}"));
        let Some(collector) = self.collector else { return Ok((Spans::off(), None)) };
        let opened = exporter(collector, self.sampler);
        let (spans, otlp) =
            opened.map_err(|error| SettingsError::new(format!("{ENDPOINT}: {error}")))?;
        Ok((spans, Some(otlp)))
    }
}

/// Reads what the settings say about spans.
pub(super) fn read(settings: &Settings) -> SpanSettings {
    let otel = &settings.otel;
    let mut spans =
        SpanSettings { collector: None, sampler: Sampler::PARENT_BASED, remarks: Vec::new() };
    let is_disabled =
        given(&otel.otel_sdk_disabled).is_some_and(|is| is.eq_ignore_ascii_case("true"));
    let Some(url) = given(&settings.otlp_endpoint).filter(|_| !is_disabled) else { return spans };
    let authority = match authority(url) {
        Ok(authority) => authority,
        Err(why) => {
            spans.remarks.push(format!(
                "{ENDPOINT}: {why}. No spans are exported; OTEL_SDK_DISABLED=true for this service ends this warning"
            ));
            return spans;
        }
    };
    let is_grpc = match given(&otel.otlp_protocol) {
        None => authority.port_u16() == Some(GRPC_PORT),
        Some(protocol) => protocol == GRPC,
    };
    let address = authority.as_str();
    let url = url.trim_end_matches('/');
    spans.collector = Some(Collector {
        url: if is_grpc { url.to_owned() } else { format!("{url}/v1/traces") },
        address: address.rsplit_once('@').map_or(address, |(_, address)| address).to_owned(),
        is_grpc,
        service_name: given(&otel.otel_service_name).map(str::to_owned),
    });
    let share = given(&otel.otel_traces_sampler_arg).and_then(|share| share.parse().ok());
    if let Some(name) = given(&otel.otel_traces_sampler) {
        match Sampler::named(name, share.unwrap_or(1.0)) {
            Some(sampler) => spans.sampler = sampler,
            None => spans.remarks.push(format!(
                "OTEL_TRACES_SAMPLER: {name} is not supported, parentbased_always_on is used"
            )),
        }
    }
    spans
}

/// Returns the host and the port of the collector, if this program can send spans to it.
fn authority(url: &str) -> Result<Authority, &'static str> {
    let uri = url.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http"));
    let authority = uri.and_then(|uri| uri.into_parts().authority).ok_or(NO_ADDRESS)?;
    if cfg!(feature = "otlp") { Ok(authority) } else { Err(ABSENT) }
}

fn given(setting: &Option<String>) -> Option<&str> {
    setting.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(all(test, feature = "otlp"))]
mod tests {
    use super::*;
    use crate::service::settings::otel::OtelSettings;

    #[test]
    fn a_collector_is_found_as_the_specification_says() {
        let grpc = Some(GRPC);
        for (endpoint, protocol, url, is_grpc) in [
            ("http://localhost:4318/", None, Some("http://localhost:4318/v1/traces"), false),
            ("http://c:4317", None, Some("http://c:4317"), true),
            ("http://c:4317", Some(HTTP), Some("http://c:4317/v1/traces"), false),
            ("http://c:80", grpc, Some("http://c:80"), true),
            (" ", None, None, false),
            ("https://collector", None, None, false),
            ("localhost:4317", grpc, None, false),
        ] {
            let mut settings = Settings::new("amqp://u:p@h/v", "postgres://h/d");
            settings.otlp_endpoint = Some(endpoint.to_owned());
            let otlp_protocol = protocol.map(str::to_owned);
            settings.otel = OtelSettings { otlp_protocol, ..OtelSettings::default() };
            let collector = read(&settings).collector;
            let found = collector.as_ref().map(|found| (found.url.as_str(), found.is_grpc));
            assert_eq!(found, url.map(|url| (url, is_grpc)), "{endpoint}");
            settings.otel.otel_sdk_disabled = Some("TRUE".to_owned());
            assert!(read(&settings).collector.is_none(), "{endpoint}");
        }
    }
}
