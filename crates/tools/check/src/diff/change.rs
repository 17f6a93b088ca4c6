//! One breaking change of a system's contracts.

/// A change, and the services that it breaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContractChange {
    /// The subject: an event, a step (`payments.capture_payment`), a saga, a projection.
    pub subject: String,
    /// The rule that makes the change breaking.
    pub rule: &'static str,
    /// The field of an event, such as `lines.quantity`. Empty for other changes.
    pub field: String,
    /// The service whose contract changed.
    pub service: String,
    /// The services that break.
    pub breaks: Vec<String>,
    /// The difference, as a clause.
    pub what: String,
    /// Advice to avoid the break. Empty if there is none.
    pub advice: String,
}

impl ContractChange {
    pub(super) fn new(
        subject: impl Into<String>,
        rule: &'static str,
        service: impl Into<String>,
        what: impl Into<String>,
    ) -> Self {
        Self {
            subject: subject.into(),
            rule,
            field: String::new(),
            service: service.into(),
            breaks: Vec::new(),
            what: what.into(),
            advice: String::new(),
        }
    }

    pub(super) fn breaking(self, breaks: Vec<String>, advice: impl Into<String>) -> Self {
        Self { breaks, advice: advice.into(), ..self }
    }
}
