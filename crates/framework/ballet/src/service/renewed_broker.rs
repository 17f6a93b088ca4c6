//! A broker whose URL, or that of its management API, is in a file, which is read again for each connection. Each file
//! counts for itself: one that cannot be used keeps nobody from the other.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use ballet_amqp::{Broker, BrokerError, NotListed, RabbitMq, Session};
use ballet_core::topology::Binding;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::service::settings::url_file::UrlFile;

/// The URLs of a broker.
#[derive(Clone)]
pub(super) struct BrokerUrls {
    pub(super) amqp: String,
    /// The URL of the management API, if it is not the usual one.
    pub(super) management: Option<String>,
}

/// A URL in a file, and where it belongs.
pub(super) type RenewedUrl = (UrlFile, fn(&mut BrokerUrls, String));

type Make = dyn Fn(&BrokerUrls) -> Result<RabbitMq, String> + Send + Sync;

/// A broker that takes its URLs from files. Connections stay as they are: RabbitMQ asks for the password only
/// when one is made.
pub(super) struct RenewedBroker {
    files: Vec<RenewedUrl>,
    make: Box<Make>,
    /// The URLs that were usable last, and the broker that they make.
    current: RwLock<(BrokerUrls, Arc<RabbitMq>)>,
}

impl RenewedBroker {
    pub(super) fn new(
        files: Vec<RenewedUrl>,
        urls: BrokerUrls,
        broker: RabbitMq,
        make: Box<Make>,
    ) -> Self {
        Self { files, make, current: RwLock::new((urls, Arc::new(broker))) }
    }

    fn current(&self) -> Arc<RabbitMq> {
        for (file, set) in &self.files {
            file.read_again(|url| {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                let mut urls = current.0.clone();
                set(&mut urls, url.to_owned());
                let broker = Arc::new((self.make)(&urls)?);
                *current = (urls, broker);
                Ok(())
            });
        }
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).1)
    }
}

impl fmt::Debug for RenewedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.current.read().unwrap_or_else(PoisonError::into_inner).1.fmt(f)
    }
}

impl Broker for RenewedBroker {
    fn connect<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Session>, BrokerError>> {
        async move { self.current().connect(name).await }.boxed()
    }

    fn bindings(&self) -> BoxFuture<'_, Result<Vec<Binding>, NotListed>> {
        async move { self.current().bindings().await }.boxed()
    }

    fn queues(&self) -> BoxFuture<'_, Result<Vec<Value>, NotListed>> {
        async move { self.current().queues().await }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use ballet_amqp::ManagementAddress;

    use super::*;

    #[test]
    fn a_file_that_cannot_be_used_keeps_nobody_from_the_other() {
        let folder = std::env::temp_dir().join(format!("ballet-urls-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [amqp, management] = ["amqp", "management"].map(|name| folder.join(name));
        let file = |setting, path: &PathBuf, url: &str| {
            fs::write(path, url).unwrap();
            UrlFile::new(setting, path.clone(), url.to_owned())
        };
        let [old, new, newer] = ["old", "new", "newer"].map(|word| format!("amqp://u:{word}@h/v"));
        let files: Vec<RenewedUrl> = vec![
            (file("MANAGEMENT", &management, "http://u:old@h"), |urls, url| {
                urls.management = Some(url);
            }),
            (file("AMQP", &amqp, &old), |urls, url| urls.amqp = url),
        ];
        let urls = BrokerUrls { amqp: old.clone(), management: Some("http://u:old@h".to_owned()) };
        let make = |urls: &BrokerUrls| {
            let management = urls.management.as_deref().unwrap_or_default();
            let address: Result<ManagementAddress, BrokerError> = management.parse();
            let address = address.map_err(|error| error.to_string())?;
            let broker = RabbitMq::new(&urls.amqp).and_then(|broker| broker.management(address));
            broker.map_err(|error| error.to_string())
        };
        let broker = make(&urls).unwrap();
        let renewed = RenewedBroker::new(files, urls, broker, Box::new(make));
        let in_use = || {
            renewed.current();
            let urls = renewed.current.read().unwrap().0.clone();
            (urls.amqp, urls.management.unwrap())
        };
        assert_eq!(in_use(), (old, "http://u:old@h".to_owned()));
        for bad in [Some("no URL"), Some(""), None] {
            match bad {
                Some(text) => fs::write(&management, text).unwrap(),
                None => fs::remove_file(&management).unwrap(),
            }
            let url = format!("{new}{}", bad.map_or(0, str::len));
            fs::write(&amqp, &url).unwrap();
            assert_eq!(in_use(), (url, "http://u:old@h".to_owned()));
        }
        fs::write(&management, "http://u:new@h").unwrap();
        fs::write(&amqp, "no URL").unwrap();
        assert_eq!(in_use().1, "http://u:new@h");
        fs::write(&amqp, &newer).unwrap();
        assert_eq!(in_use(), (newer, "http://u:new@h".to_owned()));
        fs::remove_dir_all(&folder).unwrap();
    }
}
