//! `overlay.toml`: what the contracts of a system cannot say about the places where it runs.

use std::collections::BTreeMap;
use std::fs;
use std::iter;
use std::path::Path;

use anyhow::{Context as _, Result};
use ballet::core::System;
use ballet::private::HANDLER_SECONDS;
use serde::Deserialize;

use crate::author::deploy::service_template;
use crate::base::exit::usage;

/// The other files of the base.
const TAKEN: [&str; 7] =
    ["alarms", "console", "gateway", "jobs", "postgres", "rabbitmq", "topology"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The gateway's config, relative to this file.
    pub(super) gateway: String,
    pub(super) prometheus: String,
    /// The namespace of whoever reads metrics.
    pub(super) monitoring: String,
    pub(super) gateway_class: String,
    pub(super) issuer: String,
    /// Addresses and networks of the proxies before the gateway.
    pub(super) proxies: Vec<String>,
    service: ServiceSettings,
    #[serde(default)]
    services: BTreeMap<String, OwnSettings>,
    pub(super) overlays: BTreeMap<String, Overlay>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceSettings {
    pub(super) handler_seconds: u32,
    pub(super) seconds_behind: u32,
    pub(super) cpu: String,
    pub(super) memory: String,
}

/// What is not given is as for all services.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OwnSettings {
    handler_seconds: Option<u32>,
    seconds_behind: Option<u32>,
    cpu: Option<String>,
    memory: Option<String>,
    /// Settings without secrets.
    pub(super) env: BTreeMap<String, String>,
}

/// A place where the system runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Overlay {
    pub(super) namespace: String,
    pub(super) host: String,
    pub(super) image: String,
    pub(super) tag: String,
    /// The fewest and the most of each service.
    pods: [u32; 2],
    #[serde(default)]
    pods_of: BTreeMap<String, [u32; 2]>,
    pub(super) gateways: u32,
    pub(super) broker: Broker,
    pub(super) postgres: Postgres,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Broker {
    pub(super) nodes: u32,
    pub(super) storage: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Postgres {
    pub(super) instances: u32,
    pub(super) storage: String,
}

impl Settings {
    /// Reads the file, and refuses what cannot run.
    pub(super) fn read(file: &Path, system: &System) -> Result<Self> {
        let text = fs::read_to_string(file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        let settings: Self =
            toml::from_str(&text).map_err(|error| usage(format!("{}: {error}", file.display())))?;
        let wrong = settings.problem(system);
        wrong.map_or(Ok(settings), |wrong| Err(usage(format!("{}: {wrong}", file.display()))))
    }

    /// The settings of one service.
    pub(super) fn of(&self, service: &str) -> (ServiceSettings, BTreeMap<String, String>) {
        let (all, own) = (&self.service, self.services.get(service).cloned().unwrap_or_default());
        let settings = ServiceSettings {
            handler_seconds: own.handler_seconds.unwrap_or(all.handler_seconds),
            seconds_behind: own.seconds_behind.unwrap_or(all.seconds_behind),
            cpu: own.cpu.unwrap_or_else(|| all.cpu.clone()),
            memory: own.memory.unwrap_or_else(|| all.memory.clone()),
        };
        (settings, own.env)
    }

    fn problem(&self, system: &System) -> Option<String> {
        if let Some(part) = system.parts.iter().find(|part| TAKEN.contains(&part.service)) {
            return Some(format!("the service {} is named as a file of the base", part.service));
        }
        let named = self.overlays.iter().flat_map(|(name, overlay)| {
            let table = format!("overlays.{name}.pods_of");
            overlay.pods_of.keys().map(move |service| (table.clone(), service))
        });
        let own = self.services.keys().map(|service| ("services".to_owned(), service));
        let is_unknown = |service: &str| system.parts.iter().all(|part| part.service != service);
        let mut unknown = own.chain(named).filter(|(_, service)| is_unknown(service));
        if let Some((table, service)) = unknown.next() {
            return Some(format!("{table}.{service}: {} has no service {service}", system.name));
        }
        if let Some(wrong) = self.wrong_number().or_else(|| self.repeated_variable()) {
            return Some(wrong);
        }
        self.overlays.iter().find_map(|(name, overlay)| {
            let wrong = overlay.problem()?;
            Some(format!("overlays.{name}.{wrong}"))
        })
    }

    fn wrong_number(&self) -> Option<String> {
        let all = &self.service;
        let all = ("service".to_owned(), Some(all.handler_seconds), Some(all.seconds_behind));
        let own = self.services.iter().map(|(service, own)| {
            (format!("services.{service}"), own.handler_seconds, own.seconds_behind)
        });
        iter::once(all).chain(own).find_map(|(table, handler, behind)| {
            let is_wrong = |given: &u32| !HANDLER_SECONDS.contains(&u64::from(*given));
            if let Some(given) = handler.filter(is_wrong) {
                let (low, high) = HANDLER_SECONDS.into_inner();
                return Some(format!(
                    "{table}.handler_seconds: {given} is not between {low} and {high}"
                ));
            }
            (behind == Some(0)).then(|| format!("{table}.seconds_behind: expected at least 1"))
        })
    }

    /// Of two variables of one name Kubernetes takes the last, so that the manifests would not do what they say.
    fn repeated_variable(&self) -> Option<String> {
        let mut all = self
            .services
            .iter()
            .flat_map(|(service, own)| own.env.keys().map(move |name| (service, name)));
        let (service, name) = all.find(|(_, name)| service_template::sets(name))?;
        Some(format!(
            "services.{service}.env.{name}: the manifests of each service set this variable. \
             handler_seconds gives HANDLER_SECONDS and DRAIN_SECONDS; patch another in a kustomization of \
             your own"
        ))
    }
}

impl Overlay {
    /// The fewest and the most pods of a service.
    pub(super) fn pods(&self, service: &str) -> [u32; 2] {
        self.pods_of.get(service).copied().unwrap_or(self.pods)
    }

    fn problem(&self) -> Option<String> {
        let ranges =
            self.pods_of.iter().map(|(service, range)| (format!("pods_of.{service}"), range));
        let mut ranges = ranges.chain([("pods".to_owned(), &self.pods)]);
        if let Some((name, _)) = ranges.find(|(_, [fewest, most])| *fewest < 1 || most < fewest) {
            return Some(format!(
                "{name}: expected the fewest and the most pods, at least 1: without a process nobody \
                 keeps deadlines, makes calls, or publishes what was committed"
            ));
        }
        if self.postgres.instances < 2 {
            return Some(
                "postgres.instances: expected at least 2, a primary and a standby, so that a promotion \
                 loses nothing"
                    .to_owned(),
            );
        }
        let none = [("gateways", self.gateways), ("broker.nodes", self.broker.nodes)];
        let none = none.into_iter().find(|(_, number)| *number < 1);
        none.map(|(name, _)| format!("{name}: expected at least 1"))
    }
}
