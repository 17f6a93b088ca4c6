//! Servers in containers, from `compose.yaml`.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;

use crate::error::{Error, Result, machine};
use crate::servers::options::Progress;
use crate::servers::server_set::ServerSet;

/// An installed program has no checkout with the files that `compose.yaml` reads.
const FILES: [(&str, &str); 3] = [
    ("compose.yaml", include_str!("../../compose.yaml")),
    ("broker/rabbitmq.conf", include_str!("../../broker/rabbitmq.conf")),
    ("broker/enabled_plugins", include_str!("../../broker/enabled_plugins")),
];
/// A remote daemon may not answer at all.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first start downloads the images.
const DOWNLOAD: Duration = Duration::from_secs(600);

#[derive(Debug, Clone)]
pub(crate) struct Containers {
    project: String,
    file: PathBuf,
    /// Takes the containers down when dropped.
    _set: Arc<ServerSet>,
    env: Vec<(&'static str, String)>,
}

/// Quick even with a client that has no daemon.
pub(crate) async fn why_unusable() -> Option<&'static str> {
    if !answers(&["version", "--format", "{{.Server.Version}}"]).await {
        return Some("no Docker daemon answers");
    }
    let compose = answers(&["compose", "version"]).await;
    (!compose).then_some("Docker has no `compose` command")
}

async fn answers(args: &[&str]) -> bool {
    let mut command = Command::new("docker");
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    output.is_ok_and(|output| output.is_ok_and(|output| output.status.success()))
}

impl Containers {
    /// None is running yet.
    pub(crate) fn new(set: &Arc<ServerSet>) -> Result<Self> {
        let name = set.dir().file_name().unwrap_or_default().to_string_lossy();
        let project = format!("ballet-{}", name.trim_start_matches("ballet-"));
        let ports = set.ports();
        let env = vec![
            ("BALLET_AMQP_PORT", ports.amqp().to_string()),
            ("BALLET_MANAGEMENT_PORT", ports.management().to_string()),
            ("BALLET_PROMETHEUS_PORT", ports.prometheus().to_string()),
            ("BALLET_POSTGRES_PORT", ports.postgres().to_string()),
            ("BALLET_OPS_PASSWORD", set.password().to_owned()),
        ];
        for (path, text) in FILES {
            let path = set.dir().join(path);
            let dir = path.parent().map_or(Ok(()), fs::create_dir_all);
            let written = dir.and_then(|()| fs::write(&path, text));
            written.map_err(machine(format!("write {}", path.display())))?;
        }
        let file = set.dir().join(FILES[0].0);
        // First, so that the watchdog also takes down containers that came up in part.
        let down = format!(
            "docker compose -p '{project}' -f '{}' down --volumes --timeout 5 >/dev/null 2>&1\n",
            file.display()
        );
        fs::write(set.compose_file(), down).map_err(machine("note the containers to stop"))?;
        Ok(Self { project, file, _set: Arc::clone(set), env })
    }

    pub(crate) async fn up(&self, service: &str, progress: &Progress) -> Result<()> {
        progress(&format!("{service}: starting a container (the first time downloads its image)"));
        self.compose(&["up", "--detach", "--wait", service], DOWNLOAD).await
    }

    pub(crate) async fn kill(&self, service: &str) -> Result<()> {
        self.compose(&["kill", "--signal", "SIGKILL", service], Duration::from_secs(30)).await
    }

    pub(crate) async fn start(&self, service: &str) -> Result<()> {
        self.compose(&["start", service], Duration::from_secs(60)).await
    }

    async fn compose(&self, args: &[&str], limit: Duration) -> Result<()> {
        let mut command = Command::new("docker");
        command
            .args(["compose", "--project-name", &self.project, "--file"])
            .arg(&self.file)
            .args(args)
            .envs(self.env.iter().map(|(key, value)| (*key, value.as_str())))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let cause = match tokio::time::timeout(limit, command.output()).await {
            Ok(Ok(output)) if output.status.success() => return Ok(()),
            Ok(Ok(output)) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no end after {limit:?}"),
        };
        Err(Error::Server {
            what: format!("`docker compose {}`", args.join(" ")),
            place: self.file.display().to_string(),
            cause,
            advice: "try it by hand, or name servers in AMQP_URL and DATABASE_URL",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_servers_are_given_is_all_that_compose_mounts_of_ours() -> Result<()> {
        let set = Arc::new(ServerSet::start()?);
        let containers = Containers::new(&set)?;
        let text = fs::read_to_string(&containers.file).expect("a file");
        let servers = text.split("\n  # The command,").next().unwrap_or_default();
        assert!(servers.contains("\n  rabbitmq:") && servers.contains("\n  postgres:"), "{text}");
        let mounts = servers.lines().filter_map(|line| line.trim().strip_prefix("- ./"));
        let mounts: Vec<_> = mounts.filter_map(|mount| mount.split(':').next()).collect();
        assert_eq!(mounts, ["broker/rabbitmq.conf", "broker/enabled_plugins"]);
        for mount in mounts {
            assert!(set.dir().join(mount).is_file(), "{mount}");
        }
        Ok(())
    }
}
