//! Finds a Python for the programs of tests, or installs its packages.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::error::{Error, Result};
use crate::servers::install::{self, PYTHON};

/// The variable that names the interpreter; then there is no search.
const NAMED: &str = "BALLET_PYTHON";
/// The interpreters to try. The system's packages are for the system's Python, which may not be the first on the
/// `PATH`.
const PLACES: [&str; 2] = ["python3", "/usr/bin/python3"];

/// Finds a Python interpreter that has `pika` and `psycopg`.
///
/// # Errors
///
/// If there is none, and the system's package manager cannot install them.
pub async fn python() -> Result<PathBuf> {
    if let Some(named) = env::var_os(NAMED).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        return if has_both(&named).await { Ok(named) } else { Err(wrong(&named)) };
    }
    install::tool(&PYTHON, find).await
}

async fn find() -> Option<PathBuf> {
    for place in PLACES.map(PathBuf::from) {
        if has_both(&place).await {
            return Some(place);
        }
    }
    None
}

async fn has_both(python: &Path) -> bool {
    let looks = Command::new(python)
        .args(["-c", "import pika, psycopg"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    looks.await.is_ok_and(|status| status.success())
}

fn wrong(named: &Path) -> Error {
    Error::Setting {
        name: NAMED,
        value: named.display().to_string(),
        expected: "it should be a Python that can import pika and psycopg".to_owned(),
    }
}
