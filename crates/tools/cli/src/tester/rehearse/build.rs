//! A build: the program of each service.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use ballet::core::System;

use crate::base::exit::usage;

#[derive(Debug, Clone)]
pub(crate) struct ProgramArg {
    service: String,
    path: PathBuf,
}

impl FromStr for ProgramArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((service, path)) if !service.is_empty() && !path.is_empty() => {
                Ok(Self { service: service.to_owned(), path: path.into() })
            }
            _ => {
                Err("expected the service and its program: inventory=release/inventory".to_owned())
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct Build(BTreeMap<&'static str, PathBuf>);

impl Build {
    pub(crate) fn find(
        directory: &Path,
        system: &System,
        elsewhere: Vec<ProgramArg>,
    ) -> Result<Self> {
        if !directory.is_dir() {
            return Err(usage(format!(
                "{} is no directory: BUILD has the program of each service",
                directory.display()
            )));
        }
        let names: Vec<_> = system.parts.iter().map(|part| part.service).collect();
        let mut programs = BTreeMap::new();
        for ProgramArg { service, path } in elsewhere {
            let known = names.iter().find(|name| **name == service);
            let name = known.ok_or_else(|| {
                usage(format!(
                    "--program {service}=...: {} has no such service, only {}",
                    system.name,
                    names.join(", ")
                ))
            })?;
            programs.insert(*name, path);
        }
        let mut missing = Vec::new();
        for name in names {
            let path = programs.remove(name).unwrap_or_else(|| directory.join(name));
            // A name without a directory would be looked up on the PATH.
            let path = std::path::absolute(&path).unwrap_or(path);
            match std::fs::metadata(&path) {
                Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => {
                    programs.insert(name, path);
                }
                Ok(_) => missing.push(format!("{} is no program", path.display())),
                Err(error) => missing.push(format!("{}: {error}", path.display())),
            }
        }
        if missing.is_empty() {
            return Ok(Self(programs));
        }
        Err(usage(format!(
            "every service of {} needs a program, named as the service, in {}, or anywhere with \
             --program SERVICE=PATH: {}",
            system.name,
            directory.display(),
            missing.join("; ")
        )))
    }

    pub(crate) fn programs(self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        self.0.into_iter()
    }
}
