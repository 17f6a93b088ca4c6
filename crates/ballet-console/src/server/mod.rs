//! HTTP: who may ask, which page answers, and with which headers.

mod acts;
mod answer_acts;
mod assets;
pub(crate) mod dead;
mod dead_acts;
pub(crate) mod fresh;
mod gate;
pub(crate) mod live;
pub(crate) mod looked;
mod pages;
mod parts;
mod publish;
pub(crate) mod routes;
mod sagas_acts;
mod session;
pub(crate) mod site;
mod system;
mod tail;
mod visit;
