//! Services that joined a system: their contracts lie beside ours, their code elsewhere. Generated files include them.

use std::path::Path;

use anyhow::Result;
use ballet::core::{ServiceContract, System};
use ballet_check::Contracts;

pub(crate) fn contracts(
    root: &Path,
    system: System,
    own: Vec<ServiceContract>,
) -> Result<Contracts> {
    let folder = root.join("docs/contracts").join(system.name);
    let own = Contracts::of(system, own);
    if !folder.exists() {
        return Ok(own);
    }
    Ok(own.joined_by(Contracts::read(&folder)?))
}
