//! The variables of OpenTelemetry.

use clap::Args;

/// How spans are exported, as OpenTelemetry's specification says it. What is set to nothing is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct OtelSettings {
    /// `true` exports no spans, wherever a collector is.
    #[arg(long, env = "OTEL_SDK_DISABLED", value_name = "BOOLEAN")]
    pub otel_sdk_disabled: Option<String>,

    /// `grpc` or `http/protobuf`. By default it is `grpc` for port 4317.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_PROTOCOL", value_name = "PROTOCOL")]
    pub otlp_protocol: Option<String>,

    /// The service's name in spans, if it is another than its own.
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME")]
    pub otel_service_name: Option<String>,

    /// Which traces are collected: `always_on`, `always_off` or `traceidratio`; with `parentbased_`
    /// in front where nobody has decided before. By default `parentbased_always_on`.
    #[arg(long, env = "OTEL_TRACES_SAMPLER", value_name = "NAME")]
    pub otel_traces_sampler: Option<String>,

    /// The share of traces for `traceidratio`, from 0 to 1.
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", value_name = "SHARE")]
    pub otel_traces_sampler_arg: Option<String>,
}
