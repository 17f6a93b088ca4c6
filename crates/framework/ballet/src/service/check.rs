//! Checks the settings before anything starts.

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
use crate::service::settings::settings::Settings;

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
/// The first one that is wrong, by the name of its variable.
pub(super) fn check(
    settings: &Settings,
    service: &str,
    broker: Option<Arc<dyn Broker>>,
) -> Result<CheckedSettings, SettingsError> {
    let broker = broker.map_or_else(|| rabbitmq(settings), Ok)?;
    let database = pool::options(settings, service)?;
    logging::filter(&settings.log)?;
    check_connections(settings)?;
    check_version(settings)?;
    let gateway = settings.gateway_secrets()?;
    Ok(CheckedSettings { broker, database, spans: otlp::read(settings), gateway })
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
    let url = settings.amqp_url()?;
    let broker = RabbitMq::new(&url).map_err(wrong)?.tls(settings.tls.amqp(&url)?);
    let Some(management) = settings.management_url()? else { return Ok(Arc::new(broker)) };
    let management = management.parse::<ManagementAddress>().map_err(wrong)?;
    Ok(Arc::new(broker.management(management).map_err(wrong)?))
}

fn check_connections(
    Settings { lanes, database_connections, .. }: &Settings,
) -> Result<(), SettingsError> {
    let fewest = pool::fewest_connections(*lanes);
    match database_connections {
        Some(given) if *given < fewest => Err(SettingsError::new(format!(
            "DATABASE_CONNECTIONS: {given} are too few for {lanes} lanes (LANES), which need {fewest}"
        ))),
        _ => Ok(()),
    }
}

fn check_version(settings: &Settings) -> Result<(), SettingsError> {
    let is_bad = |given: &str| given.chars().count() > VERSION || given.contains(char::is_control);
    match settings.service_version().is_some_and(is_bad) {
        true => {
            let problem = format!("SERVICE_VERSION is not a line of at most {VERSION} characters");
            Err(SettingsError::new(problem))
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
