//! `ballet tap`, `record` and `replay` beside hand-written loops, a million events through a file, and the comparison
//! of 100,000 sagas.

pub mod bare;
pub mod compare;
pub mod figures;
pub mod measure;
pub(crate) mod million;
pub(crate) mod orders;
pub(crate) mod turn;
