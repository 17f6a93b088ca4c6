//! The ordinary user that Postgres runs as when we are root.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::servers::process::SystemUser;

/// `None` if we are an ordinary user, as Postgres refuses only root.
pub(crate) fn for_postgres() -> Result<Option<SystemUser>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = ["postgres", "nobody"].iter().find_map(|name| find(&accounts, name));
    user.map(Some).ok_or_else(|| Error::NoServer {
        server: "Postgres",
        tried: vec!["we are root, which it refuses to be".to_owned()],
        advice: "Run this as an ordinary user, or add a user named `postgres`.",
    })
}

/// According to the system itself.
pub(crate) fn may_enter(user: SystemUser, dir: &Path) -> bool {
    Command::new("true")
        .current_dir(dir)
        .uid(user.uid)
        .gid(user.gid)
        .stdin(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn find(accounts: &str, name: &str) -> Option<SystemUser> {
    let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut numbers = line.split(':').skip(2).map(str::parse);
    Some(SystemUser { uid: numbers.next()?.ok()?, gid: numbers.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_list_of_accounts() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\npostgres:x:104:110::/var/lib/p:/bin/sh\n";
        let user = find(accounts, "postgres").unwrap();
        assert_eq!((user.uid, user.gid), (104, 110));
        assert!(find(accounts, "nobody").is_none());
    }
}
