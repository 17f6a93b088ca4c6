//! The system that a process belongs to, by its settings.

use ballet_amqp::Addresses;
use ballet_store::database::home::Home;

use crate::service::settings::settings::Settings;

/// Returns the system; `None` if the broker has no URL.
pub(super) fn home(settings: &Settings) -> Option<Home> {
    let broker = Addresses::parse(&settings.amqp_url().ok()?).ok()?;
    let host = |host: &str| match host {
        "127.0.0.1" | "::1" => "localhost".to_owned(),
        name => name.to_lowercase(),
    };
    Some(Home {
        environment: settings.environment().map(str::to_owned),
        vhost: broker.vhost().to_owned(),
        hosts: broker.hosts().map(host).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_is_known_by_its_hosts_and_the_virtual_host() {
        for (url, vhost, hosts) in [
            (
                "amqp://u:p@[::1]:5673, Rabbit-2/shop?heartbeat=5",
                "shop",
                &["localhost", "rabbit-2"][..],
            ),
            // The URL as a whole has passwords.
            ("amqp://u:p@a/shop,amqp://u:p@b:1/shop", "shop", &["a", "b"]),
            ("amqp://u:p@a", "/", &["a"]),
            ("amqp://u:p@a/%2F", "/", &["a"]),
        ] {
            let mut settings = Settings::new(url, "postgres://h/d");
            settings.environment = Some(" ".to_owned());
            let found = home(&settings).expect("a broker");
            let hosts = hosts.iter().map(ToString::to_string).collect();
            assert_eq!(found, Home { environment: None, vhost: vhost.to_owned(), hosts });
        }
    }
}
