//! Checks the settings before anything starts. All that is wrong is named at once.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ballet_amqp::{Broker, BrokerError, ManagementAddress, RabbitMq};
use ballet_core::Problem;
use ballet_core::rules::{self, catalogue};
use ballet_http::signature::Secrets;
use ballet_store::database::hosts::Hosts;

use crate::declare::erased::step::Handlers;
use crate::declare::participant::participant::Participant;
use crate::declare::participant::saga_entry::SagaEntry;
use crate::engine::calls::line::LONGEST_CALL;
use crate::service::error::StartError;
use crate::service::logging;
use crate::service::otlp::{self, SpanSettings};
use crate::service::pool;
use crate::service::settings::error::SettingsError;
use crate::service::settings::settings::{
    ANY_BODY, AT_LEAST_ONE, BATCH, DATABASE_CONNECTIONS, DRAIN_SECONDS, HANDLER_SECONDS, LANES,
    REPUBLISH_RATE, SHUTDOWN_DELAY_SECONDS, Settings,
};

pub(super) struct CheckedSettings {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) database: Hosts,
    pub(super) spans: SpanSettings,
    /// The secrets of the gateway, if only its requests are taken.
    pub(super) gateway: Option<Secrets>,
}

/// Checks all settings. `broker` replaces the one that the settings name.
///
/// # Errors
///
/// All errors together, each with the name of its variable.
pub(super) fn check(
    settings: &Settings,
    service: &str,
    broker: Option<Arc<dyn Broker>>,
) -> Result<CheckedSettings, SettingsError> {
    let broker = broker.map_or_else(|| rabbitmq(settings), Ok);
    let database = pool::options(settings, service);
    let spans = otlp::read(settings);
    let log = logging::filter(&settings.log);
    let mut wrong = out_of_range(settings);
    wrong.extend(log.err());
    let gateway = settings.gateway_secrets();
    match (broker, database, spans, gateway) {
        (Ok(broker), Ok(database), Ok(spans), Ok(gateway)) if wrong.is_empty() => {
            Ok(CheckedSettings { broker, database, spans, gateway })
        }
        (broker, database, spans, gateway) => {
            let errors = [broker.err(), database.err(), spans.err(), gateway.err()];
            wrong.extend(errors.into_iter().flatten());
            Err(SettingsError::all(wrong))
        }
    }
}

/// The maximum number of characters of a version.
const VERSION: usize = 64;

/// Checks what the service declares, without knowing the other services.
pub(super) fn check_declaration(participant: &Participant) -> Result<(), StartError> {
    let service = participant.service();
    let mut problems = rules::of_service(&participant.part());
    problems.extend(rules::of_contract(&participant.contract()));
    let unowned = |saga: &&SagaEntry| saga.owner.is_none() && saga.owner_service == service;
    problems.extend(participant.sagas.iter().filter(unowned).map(|saga| Problem {
        rule: &catalogue::OWNER_DECLARES,
        service: service.to_owned(),
        of: saga.saga.to_owned(),
        detail: format!(
            "{service} is the owner of {}, and its queue gets no abort event: add a method with `#[owns(..)]`",
            saga.saga
        ),
    }));
    problems.extend(participant.sagas.iter().filter(|saga| saga.is_deadline_set_twice).map(|saga| {
        let detail = format!(
            "{service} sets the deadline of {} twice, and the second would replace the first: keep one `deadline(..)`",
            saga.saga
        );
        let (service, of) = (service.to_owned(), saga.saga.to_owned());
        Problem { rule: &catalogue::ONE_DEADLINE, service, of, detail }
    }));
    if !problems.is_empty() {
        return Err(StartError::Declaration { service, problems });
    }
    check_call_times(participant)
}

fn check_call_times(participant: &Participant) -> Result<(), StartError> {
    let steps = participant.sagas.iter().flat_map(|saga| &saga.steps);
    for step in steps {
        let Handlers::Call(call) = &step.handlers else { continue };
        let (step, time) = (call.name, call.step.call_time());
        if time.is_zero() || time > LONGEST_CALL {
            return Err(StartError::CallTime { step, time });
        }
    }
    Ok(())
}

fn rabbitmq(settings: &Settings) -> Result<Arc<dyn Broker>, SettingsError> {
    let wrong = |error: BrokerError| SettingsError::new(error.to_string());
    let broker = settings.amqp_url().and_then(|url| {
        let broker = RabbitMq::new(&url).map_err(wrong)?;
        Ok(broker.tls(settings.tls.amqp(&url)?))
    });
    let management = settings.management_url().and_then(|url| {
        let address = url.as_deref().map(str::parse::<ManagementAddress>);
        address.transpose().map_err(wrong)
    });
    let broker = match (broker, management) {
        (Ok(broker), Ok(Some(management))) => broker.management(management).map_err(wrong)?,
        (Ok(broker), Ok(None)) => broker,
        (broker, management) => {
            let all = [broker.err(), management.err()];
            return Err(SettingsError::all(all.into_iter().flatten()));
        }
    };
    Ok(Arc::new(broker))
}

/// The numbers. Those of a program were checked with its arguments; a test or another program sets
/// them as it likes.
fn out_of_range(settings: &Settings) -> Vec<SettingsError> {
    fn outside<T: Copy + Display + PartialOrd>(
        name: &str,
        value: T,
        range: &RangeInclusive<T>,
    ) -> Option<SettingsError> {
        let (low, high) = (range.start(), range.end());
        let problem = || format!("{name}: {value} is not between {low} and {high}");
        (!range.contains(&value)).then(|| SettingsError::new(problem()))
    }
    let Settings { lanes, batch, prefetch, calls, max_body, .. } = settings;
    let telemetry_batch = i64::from(settings.telemetry_batch);
    let Settings { http_requests, http_connections, republish_rate, .. } = settings;
    let Settings { handler_seconds, drain_seconds, shutdown_delay_seconds, .. } = settings;
    let connections = settings.database_connections.and_then(|given| {
        let fewest = pool::fewest_connections(*lanes);
        let too_few = || {
            let problem = format!(
                "DATABASE_CONNECTIONS: {given} are too few for {lanes} lanes (LANES), which need \
                 {fewest}"
            );
            (given < fewest).then(|| SettingsError::new(problem))
        };
        outside("DATABASE_CONNECTIONS", given.into(), &DATABASE_CONNECTIONS).or_else(too_few)
    });
    let version = settings.service_version().and_then(|given| {
        let is_bad = given.chars().count() > VERSION || given.chars().any(char::is_control);
        let problem = format!("SERVICE_VERSION is not a line of at most {VERSION} characters");
        is_bad.then(|| SettingsError::new(problem))
    });
    let prefetch = prefetch.and_then(|given| outside("PREFETCH", given.into(), &AT_LEAST_ONE));
    let rest = [
        outside("LANES", (*lanes).into(), &LANES),
        outside("BATCH", (*batch).into(), &BATCH),
        prefetch,
        outside("CALLS", (*calls).into(), &AT_LEAST_ONE),
        outside("MAX_BODY", *max_body as u64, &ANY_BODY),
        connections,
        outside("HTTP_REQUESTS", (*http_requests).into(), &AT_LEAST_ONE),
        outside("HTTP_CONNECTIONS", (*http_connections).into(), &AT_LEAST_ONE),
        version,
        outside("REPUBLISH_RATE", (*republish_rate).into(), &REPUBLISH_RATE),
        outside("TELEMETRY_BATCH", telemetry_batch, &BATCH),
        outside("HANDLER_SECONDS", *handler_seconds, &HANDLER_SECONDS),
        outside("DRAIN_SECONDS", *drain_seconds, &DRAIN_SECONDS),
        outside("SHUTDOWN_DELAY_SECONDS", *shutdown_delay_seconds, &SHUTDOWN_DELAY_SECONDS),
    ];
    rest.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_sets_numbers_itself_is_told_all_that_are_wrong() {
        let good = Settings::new("amqp://u:p@h/v", "postgres://h/d");
        check(&good, "hotel", None).unwrap();
        let wrong = Settings {
            lanes: 0,
            max_body: 0,
            drain_seconds: u64::MAX,
            shutdown_delay_seconds: 601,
            http_requests: 0,
            service_version: Some("1\n2".to_owned()),
            management_url: Some("rabbit:15672".to_owned()),
            ..good
        };
        let said = check(&wrong, "hotel", None).err().unwrap().to_string();
        for problem in [
            "7 settings are wrong",
            "HTTP_REQUESTS: 0 is not between 1 and 65535",
            "RABBITMQ_MANAGEMENT_URL is invalid",
            "SERVICE_VERSION is not a line of at most 64 characters",
            "LANES: 0 is not between 1 and 64",
            "MAX_BODY: 0 is not between 1 and 536870912",
            "DRAIN_SECONDS: 18446744073709551615 is not between 0 and 3600",
            "SHUTDOWN_DELAY_SECONDS: 601 is not between 0 and 600",
        ] {
            assert!(said.contains(problem), "{problem} is not in {said}");
        }
    }

    #[test]
    fn there_is_a_connection_for_each_lane_for_upkeep_and_for_requests() {
        let settings = |lanes, connections| {
            let mut settings = Settings::new("amqp://u:p@h/v", "postgres://h/d");
            (settings.lanes, settings.database_connections) = (lanes, connections);
            settings
        };
        for good in [(1, Some(8)), (1, None), (64, None), (12, Some(19))] {
            let (lanes, connections) = good;
            check(&settings(lanes, connections), "hotel", None).map(drop).unwrap();
        }
        let said = check(&settings(12, Some(18)), "hotel", None).err().unwrap().to_string();
        let problem = "DATABASE_CONNECTIONS: 18 are too few for 12 lanes (LANES), which need 19";
        assert!(said.contains(problem), "{said}");
    }
}
