//! Decides which causes of an outage are logged: the one that begins it, and each of another kind.

use std::mem::{Discriminant, discriminant};

use crate::session::error::BrokerError;

/// The last logged cause of a role's outage, until the role is connected again.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    told: Option<Discriminant<BrokerError>>,
}

impl Outage {
    /// Returns true if this cause is to be logged, because it begins the outage, or is of another
    /// kind than the one before. A line for each attempt would fill the log.
    pub(crate) fn is_news(&mut self, cause: &BrokerError) -> bool {
        let kind = discriminant(cause);
        self.told.replace(kind) != Some(kind)
    }

    pub(crate) fn ends(&mut self) {
        self.told = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_and_again_when_its_kind_changes() {
        let lost = BrokerError::Lost("the socket closed".to_owned());
        let away = |reason: &str| BrokerError::Unreachable {
            at: "orders@127.0.0.1:5672/shop".to_owned(),
            reason: reason.to_owned(),
        };
        let mut outage = Outage::default();
        let told = [&lost, &away("refused"), &away("timed out"), &away("refused")];
        assert_eq!(told.map(|cause| outage.is_news(cause)), [true, true, false, false]);
        outage.ends();
        assert!(outage.is_news(&away("refused")));
    }
}
