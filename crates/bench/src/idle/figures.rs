//! The cost of idle services, as text.

use std::fmt;

use ballet_terminal::Table;
use serde::Serialize;

/// The target: the share of two processors that twenty of our services may use, including all that they cause.
const BOUND: f64 = 0.05;
const SERVICES: f64 = 20.0;
const PROCESSORS: f64 = 2_000.0;

/// The cost of services of one kind: milliseconds of a processor in a second, for each service.
#[derive(Debug, Serialize)]
pub struct IdleCost {
    /// The contestant.
    pub who: &'static str,
    /// The number of services.
    pub services: usize,
    /// The use of Postgres above its use without services.
    pub postgres: f64,
    /// The use of RabbitMQ above its use without services.
    pub broker: f64,
    /// The use of the service itself.
    pub service: f64,
}

impl IdleCost {
    /// Takes the use with services and without, in Postgres, RabbitMQ and the services.
    pub(crate) fn new(
        who: &'static str,
        services: usize,
        with: [f64; 3],
        without: [f64; 3],
    ) -> Self {
        let each = |at: usize| {
            let count = u32::try_from(services).unwrap_or(u32::MAX);
            (with[at] - without[at]) / f64::from(count)
        };
        Self { who, services, postgres: each(0), broker: each(1), service: each(2) }
    }

    fn whole(&self) -> f64 {
        self.postgres + self.broker + self.service
    }
}

/// The figures.
#[derive(Debug, Serialize)]
pub struct IdleFigures {
    /// The rows; ours is the first.
    pub rows: Vec<IdleCost>,
    /// The seconds of each measurement.
    pub seconds: f64,
}

impl IdleFigures {
    /// The share of two processors that twenty of our services use.
    fn share_of_twenty(&self) -> f64 {
        self.rows.first().map_or(f64::NAN, |row| row.whole() * SERVICES / PROCESSORS)
    }

    /// Whether the target was reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.share_of_twenty() <= BOUND
    }
}

impl fmt::Display for IdleFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nIdle, {:.0} s each: ms of a processor in a second, for each service",
            self.seconds
        )?;
        let header = ["contestant", "services", "service", "Postgres", "broker", "all"];
        let mut table = Table::new(header).right(1..=5);
        for row in &self.rows {
            let parts = [row.service, row.postgres, row.broker, row.whole()];
            let ms = parts.map(|value| format!("{value:.2}"));
            let cells = [row.who.to_owned(), row.services.to_string()].into_iter().chain(ms);
            table.row(cells.map(Into::into));
        }
        writeln!(f, "{}", table.draw(None))?;
        let (twenty, bound) = (self.share_of_twenty() * 100.0, BOUND * 100.0);
        writeln!(
            f,
            "  20 services of ballet use {twenty:.1} % of two processors (at most {bound:.0} %)"
        )
    }
}
