//! The system that a process belongs to, by its settings.

use ballet_core::hosts;
use ballet_store::database::home::Home;

use crate::service::settings::settings::Settings;

/// Returns the system; `None` if the broker has no URL.
pub(super) fn home(settings: &Settings) -> Option<Home> {
    let url = settings.amqp_url().ok()?;
    let (_, hosts, path) = hosts::parts(&url)?;
    let (vhost, _) = path.split_once('?').unwrap_or((path, ""));
    let host = |host: &str| match hosts::name(host) {
        "127.0.0.1" | "::1" => "localhost".to_owned(),
        name => name.to_lowercase(),
    };
    Some(Home {
        environment: settings.environment().map(str::to_owned),
        vhost: vhost.trim_start_matches('/').to_owned(),
        hosts: hosts.into_iter().map(host).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_is_known_by_its_hosts_and_the_virtual_host() {
        let url = "amqp://u:p@[::1]:5673, Rabbit-2/shop?heartbeat=5";
        let mut settings = Settings::new(url, "postgres://h/d");
        settings.environment = Some(String::new());
        let found = home(&settings).expect("a broker");
        assert_eq!(found.environment, None);
        assert_eq!(
            (found.vhost.as_str(), found.hosts),
            ("shop", vec!["localhost".to_owned(), "rabbit-2".to_owned()])
        );
    }
}
