//! Settings for the services of a rehearsal.

use std::str::FromStr;

use anyhow::Result;
use ballet::core::System;

use crate::base::exit::usage;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceSetting {
    service: Option<String>,
    name: String,
    value: String,
}

impl FromStr for ServiceSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected NAME=VALUE, or SERVICE.NAME=VALUE for one service".to_owned();
        let (name, value) = text.split_once('=').ok_or_else(expected)?;
        let (service, name) = match name.rsplit_once('.') {
            Some((service, name)) => (Some(service.to_owned()), name),
            None => (None, name),
        };
        if name.is_empty() || service.as_deref() == Some("") || text.contains('\0') {
            return Err(expected());
        }
        Ok(Self { service, name: name.to_owned(), value: value.to_owned() })
    }
}

/// The system has to have the named services.
pub(crate) fn check(settings: &[ServiceSetting], system: &System) -> Result<()> {
    let is_unknown = |service: &&String| system.parts.iter().all(|part| part.service != **service);
    match settings.iter().filter_map(|setting| setting.service.as_ref()).find(is_unknown) {
        None => Ok(()),
        Some(service) => Err(usage(format!(
            "--env {service}.NAME=VALUE: {} has no service {service}",
            system.name
        ))),
    }
}

/// A service's own come after those of all.
pub(crate) fn of_service(settings: &[ServiceSetting], service: &str) -> Vec<(String, String)> {
    let of = |wanted: Option<&str>| {
        let found = settings.iter().filter(move |setting| setting.service.as_deref() == wanted);
        found.map(|setting| (setting.name.clone(), setting.value.clone())).collect::<Vec<_>>()
    };
    [of(None), of(Some(service))].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_for_all_services_or_for_one() {
        let read = |texts: &[&str]| -> Vec<ServiceSetting> {
            texts.iter().map(|text| text.parse().expect("a setting")).collect()
        };
        let settings = read(&["orders.LANES=4", "LANES=2", "LOG=info,ballet=debug"]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let all = [pair("LANES", "2"), pair("LOG", "info,ballet=debug")];
        assert_eq!(of_service(&settings, "cart"), all);
        let own = [&all[..], &[pair("LANES", "4")]].concat();
        assert_eq!(of_service(&settings, "orders"), own);
        for wrong in ["LANES", "=4", "orders.=4", ".LANES=4"] {
            assert!(wrong.parse::<ServiceSetting>().is_err(), "{wrong}");
        }
    }
}
