//! Sources of our own servers: local programs, containers, or a package.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::servers::docker::{self, Containers};
use crate::servers::find::MissingPrograms;
use crate::servers::install::{self, SoftwarePackage};
use crate::servers::options::Progress;
use crate::servers::server_set::ServerSet;

pub(crate) enum ServerSource {
    /// Programs on this machine.
    Local(PathBuf),
    /// The containers of `compose.yaml`.
    Containers(Containers),
}

/// Local programs first, then Docker, then a package.
pub(crate) async fn find(
    set: &Arc<ServerSet>,
    package: &SoftwarePackage,
    progress: &Progress,
) -> Result<ServerSource> {
    let search = install::lock(false).await?;
    let found = package.find().await?;
    drop(search);
    let absent = match found {
        Ok(programs) => return Ok(ServerSource::Local(programs)),
        Err(absent) => absent,
    };
    let Some(why) = docker::why_unusable().await else {
        return Ok(ServerSource::Containers(Containers::new(set)?));
    };
    let mut tried = vec![absent.to_string(), why.to_owned()];
    if matches!(absent, MissingPrograms::TooOld(_)) {
        return Err(nothing_worked(package, tried));
    }
    let _lock = install::lock(true).await?;
    // Another process may have installed it meanwhile.
    if let Ok(programs) = package.find().await? {
        return Ok(ServerSource::Local(programs));
    }
    match install::install(package, progress).await? {
        Ok(()) => match package.find().await? {
            Ok(programs) => return Ok(ServerSource::Local(programs)),
            Err(why) => tried.push(format!("after the installation, {why}")),
        },
        Err(why) => tried.push(why),
    }
    Err(nothing_worked(package, tried))
}

fn nothing_worked(package: &SoftwarePackage, tried: Vec<String>) -> Error {
    Error::NoServer { server: package.server, tried, advice: package.advice }
}
