//! Spans over OTLP, by gRPC or by HTTP with protobuf, to a collector that the settings name.

#[cfg(not(feature = "otlp"))]
mod absent;
#[cfg(feature = "otlp")]
mod exporter;

use std::collections::BTreeMap;

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
use crate::service::settings::otel::OtelSettings;
use crate::service::settings::settings::Settings;

const GRPC: &str = "grpc";
const HTTP: &str = "http/protobuf";
/// The port that OTLP has for gRPC.
const GRPC_PORT: u16 = 4317;
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const ABSENT: &str = "this program is built without ballet's feature `otlp`, and exports no spans";
const NO_ADDRESS: &str = "the address of the collector has to begin with http://, for instance \
                          http://localhost:4318; a collector elsewhere is reached through one that \
                          runs beside the service";

/// What the settings say about spans.
#[derive(Debug)]
pub(super) struct SpanSettings {
    collector: Option<Collector>,
    sampler: Sampler,
    /// What is not done as it was set.
    remarks: Vec<String>,
    /// Why no spans are exported, if that was set.
    off: Option<String>,
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
        Self { collector: None, sampler: Sampler::PARENT_BASED, remarks: Vec::new(), off: why }
    }

    /// Without a collector, since the one that a variable names cannot be used.
    fn unusable(why: &SettingsError) -> Self {
        let remark = format!(
            "{why}. No spans are exported; OTEL_SDK_DISABLED=true for this service ends this warning"
        );
        Self { remarks: vec![remark], ..Self::off(None) }
    }

    /// Opens the way to the collector, which needs the runtime, and logs the remarks.
    pub(super) fn open(self) -> Result<(Spans, Option<Otlp>), SettingsError> {
        self.remarks.iter().for_each(|remark| tracing::warn!("{remark}"));
        self.off.iter().for_each(|why| tracing::info!("no spans are exported: {why}"));
        let Some(collector) = self.collector else { return Ok((Spans::off(), None)) };
        let opened = exporter(collector, self.sampler);
        let (spans, otlp) =
            opened.map_err(|error| SettingsError::new(format!("{ENDPOINT}: {error}")))?;
        Ok((spans, Some(otlp)))
    }
}

/// Reads what the settings say about spans. What is set and not known is a remark, and so is an address that cannot
/// work, since the variables may be meant for all programs of a cluster. An address that this service alone was given
/// is an error.
pub(super) fn read(settings: &Settings) -> Result<SpanSettings, SettingsError> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    read_in(&environment.collect(), settings, cfg!(feature = "otlp"))
}

fn read_in(
    environment: &BTreeMap<String, String>,
    settings: &Settings,
    can_export: bool,
) -> Result<SpanSettings, SettingsError> {
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
    let (name, setting, path) = match (&otel.otlp_traces_endpoint, &settings.otlp_endpoint) {
        (traces, _) if given(traces).is_some() => {
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces, "")
        }
        (_, all) => (ENDPOINT, all, "/v1/traces"),
    };
    let Some(url) = given(setting) else {
        let is_expected = *otel != OtelSettings::default();
        return Ok(SpanSettings::off(is_expected.then(|| format!("{ENDPOINT} is not set"))));
    };
    let authority = match authority(url, can_export) {
        Ok(authority) => authority,
        Err(why) => {
            let wrong = SettingsError::new(format!("{name}: {why}"));
            let is_injected = environment.get(name) == setting.as_ref();
            return if is_injected { Ok(SpanSettings::unusable(&wrong)) } else { Err(wrong) };
        }
    };
    let url = if path.is_empty() { url } else { url.trim_end_matches('/') };
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
    let idle = environment.iter().filter(|(name, value)| is_without_effect(name, value));
    let idle: Vec<&str> = idle.map(|(name, _)| name.as_str()).collect();
    if !idle.is_empty() {
        remarks.push(format!("{} is set, and has no effect on a service", idle.join(", ")));
    }
    Ok(SpanSettings { collector: Some(collector), sampler, remarks, off: None })
}

/// Returns the host and the port of the collector, if this program can send spans to it.
fn authority(url: &str, can_export: bool) -> Result<Authority, &'static str> {
    let uri = url.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http"));
    let authority = uri.and_then(|uri| uri.into_parts().authority).ok_or(NO_ADDRESS)?;
    if can_export { Ok(authority) } else { Err(ABSENT) }
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

/// Whether SDKs of OpenTelemetry do something with a variable that a service does not do.
fn is_without_effect(name: &str, value: &str) -> bool {
    let Some(of_sdks) = name.strip_prefix("OTEL_") else { return false };
    match of_sdks.replace("_TRACES_", "_").as_str() {
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
    }
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
    fn an_address_that_cannot_work_is_refused_or_told_if_the_environment_has_it() {
        for (url, can_export, why) in [
            ("https://collector", true, "the address"),
            ("localhost:4317", true, "the address"),
            ("grpc://collector", true, "the address"),
            ("http://", true, "the address"),
            ("http://collector:4318/", false, "this program is built without ballet's feature"),
        ] {
            let settings = settings(url, |_| {});
            let wrong = format!("{ENDPOINT}: {why}");
            let elsewhere = BTreeMap::from([(ENDPOINT.to_owned(), "http://node:4318".to_owned())]);
            let refused = read_in(&elsewhere, &settings, can_export).expect_err("refused");
            assert!(refused.to_string().starts_with(&wrong), "{refused}");

            let injected = BTreeMap::from([(ENDPOINT.to_owned(), url.to_owned())]);
            let read = read_in(&injected, &settings, can_export).expect("told");
            assert!(read.collector.is_none(), "{url}");
            assert_eq!(read.remarks.len(), 1, "{:?}", read.remarks);
            assert!(read.remarks[0].starts_with(&wrong), "{:?}", read.remarks);
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
            assert_eq!(is_without_effect(name, value), is_idle, "{name}={value}");
        }
    }
}
