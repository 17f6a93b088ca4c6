//! The proxies' figures as a table, with ratios to nginx.

use std::fmt;

use ballet_ops::terminal::{Cell, Table};
use serde::Serialize;

use crate::gateway::proxies::ProxyKind;
use crate::report::groups::Bound;
use crate::report::outcome::{TargetVerdict, quantile, ratios};

/// The maximum of a p99, as a multiple of nginx's.
const MOST: f64 = 1.5;
/// The minimum of a peak, as a share of nginx's.
const LEAST: f64 = 0.75;

const NO_NGINX: &str = "  nginx is not on this machine, so its row and the ratios to it are left out: \
                        `apt-get install nginx-light` brings it";

/// Round by round.
#[derive(Debug, Serialize)]
pub(crate) struct ProxyFigures {
    pub(crate) proxy: ProxyKind,
    /// Requests a second, in the closed loop.
    pub(crate) peaks: Vec<f64>,
    /// The proxy's processor time for a request of the closed loop, in microseconds.
    pub(crate) processor: Vec<f64>,
    /// The latencies at half of the proxy's own peak.
    pub(crate) own: Latencies,
    /// In megabytes.
    pub(crate) memory: f64,
}

/// Milliseconds at a fixed rate, round by round.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Latencies {
    pub(crate) p50: Vec<f64>,
    pub(crate) p99: Vec<f64>,
}

/// All figures of a run.
#[derive(Debug, Serialize)]
pub struct ProxyComparison {
    pub(crate) rows: Vec<ProxyFigures>,
}

impl ProxyFigures {
    pub(crate) fn new(proxy: ProxyKind) -> Self {
        let (peaks, processor, own) = (Vec::new(), Vec::new(), Latencies::default());
        Self { proxy, peaks, processor, own, memory: 0.0 }
    }

    /// In requests a second.
    pub(crate) fn half(&self) -> f64 {
        quantile(&self.peaks, 0.5) / 2.0
    }
}

impl ProxyComparison {
    fn row(&self, proxy: ProxyKind) -> Option<&ProxyFigures> {
        self.rows.iter().find(|row| row.proxy == proxy)
    }

    /// None without nginx.
    fn verdicts(&self) -> Vec<TargetVerdict> {
        let both = self.row(ProxyKind::Gateway).zip(self.row(ProxyKind::Nginx));
        let Some((gateway, nginx)) = both else { return Vec::new() };
        let verdict = |what: &str, of: fn(&ProxyFigures) -> &[f64], bound| {
            TargetVerdict::new(what.to_owned(), &ratios(of(gateway), of(nginx)), bound)
        };
        vec![
            verdict("peak of gateway, against nginx", |row| &row.peaks, Bound::AtLeast(LEAST)),
            verdict(
                "p99 of gateway at half of its peak, against nginx at half of its own",
                |row| &row.own.p99,
                Bound::AtMost(MOST),
            ),
        ]
    }

    /// Whether the targets were reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.verdicts().iter().all(|verdict| verdict.reached)
    }
}

/// The median, with its range.
fn ratio(of: &[f64], to: Option<&[f64]>) -> String {
    let Some(to) = to else { return String::new() };
    let ratios = ratios(of, to);
    let [median, least, most] = [0.5, 0.0, 1.0].map(|at| quantile(&ratios, at));
    format!("{median:.2} ({least:.2}-{most:.2})")
}

impl fmt::Display for ProxyComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = [
            "", "peak/s", "of nginx", "CPU us", "of nginx", "p50 ms", "of nginx", "p99 ms",
            "of nginx", "MB",
        ];
        let mut table = Table::new(header).right(1..=9);
        let nginx = self.row(ProxyKind::Nginx);
        for row in &self.rows {
            let ProxyFigures { proxy, peaks, processor, own, memory } = row;
            let median = |values: &[f64]| quantile(values, 0.5);
            let cells = [
                proxy.name().to_owned(),
                format!("{:.0}", median(peaks)),
                ratio(peaks, nginx.map(|nginx| &*nginx.peaks)),
                format!("{:.0}", median(processor)),
                ratio(processor, nginx.map(|nginx| &*nginx.processor)),
                format!("{:.2}", median(&own.p50)),
                ratio(&own.p50, nginx.map(|nginx| &*nginx.own.p50)),
                format!("{:.2}", median(&own.p99)),
                ratio(&own.p99, nginx.map(|nginx| &*nginx.own.p99)),
                format!("{memory:.0}"),
            ];
            table.row(cells.map(Cell::from));
        }
        writeln!(f, "\nGateway: open loop at half of the own peak\n{table}")?;
        let verdicts = self.verdicts();
        if verdicts.is_empty() {
            writeln!(f, "{NO_NGINX}")?;
        }
        for verdict in verdicts {
            writeln!(f, "{verdict}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(proxies: &[(ProxyKind, [f64; 3])]) -> ProxyComparison {
        let row = |(proxy, p99): &(ProxyKind, [f64; 3])| ProxyFigures {
            peaks: vec![if *proxy == ProxyKind::Gateway { 800.0 } else { 1_000.0 }; 3],
            processor: vec![20.0; 3],
            own: Latencies { p50: vec![0.5; 3], p99: p99.to_vec() },
            ..ProxyFigures::new(*proxy)
        };
        ProxyComparison { rows: proxies.iter().map(row).collect() }
    }

    #[test]
    fn rounds_are_compared_with_each_other() {
        // Both proxies are slow in the second round.
        let all = [(ProxyKind::Nginx, [1.0, 9.0, 2.0]), (ProxyKind::Gateway, [1.4, 9.9, 4.0])];
        let slow = comparison(&all);
        assert!(slow.is_reached() && slow.to_string().contains("reached      1.40  (1.10-2.00)"));
        let all = [(ProxyKind::Nginx, [1.0, 1.0, 2.0]), (ProxyKind::Gateway, [1.6, 1.4, 4.0])];
        let slow = comparison(&all);
        assert!(!slow.is_reached() && slow.to_string().contains("MISSED       1.60  (1.40-2.00)"));
        assert!(slow.to_string().contains("reached      0.80  (0.80-0.80)  peak"));
    }

    #[test]
    fn without_nginx_there_is_no_target() {
        let alone = comparison(&[(ProxyKind::Gateway, [9.0; 3])]);
        assert!(alone.is_reached() && alone.to_string().contains("apt-get install nginx-light"));
    }
}
