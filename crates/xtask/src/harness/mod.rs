//! A shop to work with: its services as processes, the orders that are placed, and the journal that
//! says how they end. The demo, the chaos run, the soak, the audit and the benchmark use it.

pub(crate) mod carts;
pub(crate) mod cases;
pub(crate) mod clock;
pub(crate) mod customer;
pub(crate) mod dice;
pub(crate) mod endpoints;
pub(crate) mod fleet;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod journal;
pub(crate) mod load;
pub(crate) mod long_run;
pub(crate) mod open_shop;
pub(crate) mod oracle;
pub(crate) mod orders;
pub(crate) mod percentile;
pub(crate) mod products;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod run_dir;
pub(crate) mod serve;
pub(crate) mod services;
pub(crate) mod slow_carrier;
pub(crate) mod stock;
pub(crate) mod storefront;
