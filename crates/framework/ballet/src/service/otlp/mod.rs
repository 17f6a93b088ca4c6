//! Spans over OTLP, by gRPC or by HTTP with protobuf, to a collector that the settings name.

#[cfg(not(feature = "otlp"))]
mod absent;
#[cfg(feature = "otlp")]
mod exporter;

use axum::http::Uri;

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
use crate::service::settings::otel::OtelSettings;
use crate::service::settings::settings::Settings;

const GRPC: &str = "grpc";
const HTTP: &str = "http/protobuf";
/// The port that OTLP has for gRPC.
const GRPC_PORT: u16 = 4317;
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const ABSENT: &str = "this program is built without ballet's feature `otlp`, and exports no spans";

/// What the settings say about spans.
#[derive(Debug)]
pub(super) struct SpanSettings {
    collector: Option<Collector>,
    sampler: Sampler,
    /// What is not done as it was set.
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
    fn off(why: Option<String>) -> Self {
        let remarks = why.into_iter().map(|why| format!("no spans are exported: {why}"));
        Self { collector: None, sampler: Sampler::PARENT_BASED, remarks: remarks.collect() }
    }

    /// Opens the way to the collector, which needs the runtime, and logs the remarks.
    pub(super) fn open(self) -> Result<(Spans, Option<Otlp>), SettingsError> {
        let Some(collector) = self.collector else {
            self.remarks.iter().for_each(|remark| tracing::info!("{remark}"));
            return Ok((Spans::off(), None));
        };
        self.remarks.iter().for_each(|remark| tracing::warn!("{remark}"));
        let opened = exporter(collector, self.sampler);
        let (spans, otlp) =
            opened.map_err(|error| SettingsError::new(format!("{ENDPOINT}: {error}")))?;
        Ok((spans, Some(otlp)))
    }
}

/// Reads what the settings say about spans. What is set and not known is a remark, since the
/// variables may be meant for all programs of a cluster; an address that cannot work is an error.
pub(super) fn read(settings: &Settings) -> Result<SpanSettings, SettingsError> {
    let otel = &settings.otel;
    let mut remarks = Vec::new();
    if given(&otel.otel_sdk_disabled).is_some_and(|is| is.eq_ignore_ascii_case("true")) {
        return Ok(SpanSettings::off(Some("OTEL_SDK_DISABLED is true".to_owned())));
    }
    match given(&otel.otel_traces_exporter) {
        None | Some("otlp") => {}
        Some("none") => {
            return Ok(SpanSettings::off(Some("OTEL_TRACES_EXPORTER is none".to_owned())));
        }
        Some(other) => remarks
            .push(format!("OTEL_TRACES_EXPORTER: {other} is not supported, spans go over otlp")),
    }
    let (name, url, path) =
        match (given(&otel.otlp_traces_endpoint), given(&settings.otlp_endpoint)) {
            (Some(url), _) => ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url, ""),
            (None, Some(url)) => (ENDPOINT, url.trim_end_matches('/'), "/v1/traces"),
            (None, None) => {
                let is_expected = *otel != OtelSettings::default();
                return Ok(SpanSettings::off(
                    is_expected.then(|| format!("{ENDPOINT} is not set")),
                ));
            }
        };
    let wrong = |why: &str| SettingsError::new(format!("{name}: {why}"));
    let uri = url.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http"));
    let authority = uri.as_ref().and_then(Uri::authority).ok_or_else(|| {
        wrong(
            "the address of the collector has to begin with http://, for instance \
             http://localhost:4318; a collector elsewhere is reached through one that runs beside \
             the service",
        )
    })?;
    if cfg!(not(feature = "otlp")) {
        return Err(wrong(ABSENT));
    }
    let is_grpc = match given(&otel.otlp_traces_protocol).or(given(&otel.otlp_protocol)) {
        None => authority.port_u16() == Some(GRPC_PORT),
        Some(GRPC) => true,
        Some(HTTP) => false,
        Some(other) => {
            remarks.push(format!(
                "OTEL_EXPORTER_OTLP_PROTOCOL: {other} is not supported, only {GRPC} and {HTTP}; {HTTP} is used"
            ));
            false
        }
    };
    let address = authority.as_str();
    let collector = Collector {
        url: format!("{url}{}", if is_grpc { "" } else { path }),
        address: address.rsplit_once('@').map_or(address, |(_, address)| address).to_owned(),
        is_grpc,
        service_name: given(&otel.otel_service_name).map(str::to_owned),
    };
    let sampler = sampler(otel, &mut remarks);
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let idle: Vec<String> = environment.filter_map(without_effect).collect();
    if !idle.is_empty() {
        remarks.push(format!("{} is set, and has no effect on a service", idle.join(", ")));
    }
    Ok(SpanSettings { collector: Some(collector), sampler, remarks })
}

fn given(setting: &Option<String>) -> Option<&str> {
    setting.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn sampler(otel: &OtelSettings, remarks: &mut Vec<String>) -> Sampler {
    let ratio = given(&otel.otel_traces_sampler_arg).map_or(1.0, |share| {
        let ratio = share.parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio.unwrap_or_else(|| {
            remarks.push(format!("OTEL_TRACES_SAMPLER_ARG: {share} is not from 0 to 1, 1 is used"));
            1.0
        })
    });
    let Some(name) = given(&otel.otel_traces_sampler) else { return Sampler::PARENT_BASED };
    Sampler::named(name, ratio).unwrap_or_else(|| {
        remarks.push(format!(
            "OTEL_TRACES_SAMPLER: {name} is not supported, parentbased_always_on is used"
        ));
        Sampler::PARENT_BASED
    })
}

/// Returns the name of a variable with which SDKs of OpenTelemetry do something that a service does
/// not do.
fn without_effect((name, value): (String, String)) -> Option<String> {
    let of_sdks = name.strip_prefix("OTEL_")?.replace("_TRACES_", "_");
    let is_idle = match of_sdks.as_str() {
        "PROPAGATORS" => {
            value.split(',').any(|one| !matches!(one.trim(), "" | "tracecontext" | "baggage"))
        }
        _ if matches!(value.trim(), "" | "none") => false,
        "METRICS_EXPORTER" => value != "prometheus",
        "LOGS_EXPORTER" => value != "console",
        "CONFIG_FILE" => true,
        other => [
            "ATTRIBUTE_",
            "BSP_",
            "SPAN_",
            "EXPORTER_OTLP_CERTIFICATE",
            "EXPORTER_OTLP_CLIENT_",
            "EXPORTER_OTLP_COMPRESSION",
            "EXPORTER_OTLP_TIMEOUT",
        ]
        .iter()
        .any(|beginning| other.starts_with(beginning)),
    };
    is_idle.then_some(name)
}

#[cfg(all(test, feature = "otlp"))]
mod tests {
    use super::*;

    fn settings(endpoint: &str, change: impl FnOnce(&mut OtelSettings)) -> Settings {
        let mut settings = Settings::new("amqp://u:p@h/v", "postgres://h/d");
        settings.otlp_endpoint = Some(endpoint.to_owned());
        change(&mut settings.otel);
        settings
    }

    fn collector(endpoint: &str, change: impl FnOnce(&mut OtelSettings)) -> Option<(String, bool)> {
        let read = read(&settings(endpoint, change)).expect("good settings");
        read.collector.map(|Collector { url, is_grpc, .. }| (url, is_grpc))
    }

    #[test]
    fn a_collector_is_found_as_the_specification_says() {
        let grpc = |otel: &mut OtelSettings| otel.otlp_protocol = Some(GRPC.to_owned());
        let http = |otel: &mut OtelSettings| otel.otlp_protocol = Some(HTTP.to_owned());
        let sends = |url: &str, is_grpc| Some((url.to_owned(), is_grpc));
        assert_eq!(collector(" ", |_| {}), None);
        for at in ["http://localhost:4318", "http://10.0.0.1:4318/", "http://[::1]:4318"] {
            let url = format!("{}/v1/traces", at.trim_end_matches('/'));
            assert_eq!(collector(at, |_| {}), sends(&url, false));
        }
        let (at, with_path) = ("http://c:4317", "http://c:4317/v1/traces");
        assert_eq!(collector(at, |_| {}), sends(at, true), "the port of gRPC");
        assert_eq!(collector(at, http), sends(with_path, false));
        assert_eq!(collector("http://c:80", grpc), sends("http://c:80", true));
        let of_traces = |otel: &mut OtelSettings| {
            otel.otlp_traces_endpoint = Some("http://t:1/own".to_owned());
            otel.otlp_traces_protocol = Some(HTTP.to_owned());
        };
        assert_eq!(collector(at, of_traces), sends("http://t:1/own", false));
        assert_eq!(collector(at, |otel| otel.otel_sdk_disabled = Some("TRUE".to_owned())), None);
        assert_eq!(collector(at, |otel| otel.otel_traces_exporter = Some("none".to_owned())), None);
    }

    #[test]
    fn an_address_that_cannot_work_is_refused_with_an_example() {
        for wrong in ["https://collector", "localhost:4317", "grpc://collector", "http://"] {
            let error = read(&settings(wrong, |_| {})).expect_err("refused").to_string();
            assert!(error.contains("OTEL_EXPORTER_OTLP_ENDPOINT: the address"), "{error}");
        }
    }

    #[test]
    fn what_is_set_and_not_done_is_told() {
        let read = read(&settings("http://c:4318", |otel| {
            otel.otel_traces_exporter = Some("zipkin".to_owned());
            otel.otlp_protocol = Some("http/json".to_owned());
            otel.otel_traces_sampler = Some("jaeger_remote".to_owned());
            otel.otel_traces_sampler_arg = Some("7".to_owned());
        }));
        let remarks = read.expect("good settings").remarks;
        for told in ["zipkin is not", "http/json is not", "jaeger_remote is not", "7 is not"] {
            assert_eq!(remarks.iter().filter(|one| one.contains(told)).count(), 1, "{remarks:?}");
        }
        for (name, value, is_idle) in [
            ("OTEL_PROPAGATORS", "tracecontext,baggage", false),
            ("OTEL_PROPAGATORS", "tracecontext,b3", true),
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip", true),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "none", false),
            ("OTEL_EXPORTER_OTLP_HEADERS", "k=v", false),
            ("OTEL_METRICS_EXPORTER", "otlp", true),
            ("OTEL_BSP_SCHEDULE_DELAY", "5000", true),
            ("OTEL_RESOURCE_ATTRIBUTES_POD_NAME", "orders-1", false),
            ("PATH", "/bin", false),
        ] {
            let said = without_effect((name.to_owned(), value.to_owned()));
            assert_eq!(said.is_some(), is_idle, "{name}={value}");
        }
    }
}
