//! All tests against one set of servers.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use ballet_testkit::{Options, Servers};
use rustix::process::Signal;

use crate::children::{Child, Children};
use crate::stop::Stop;
use crate::{cargo, ui};

pub(crate) async fn run(args: &[String]) -> Result<ExitCode> {
    let mut stop = Stop::listen()?;
    let servers = tokio::select! {
        servers = Servers::acquire(Options::fast()) => servers?,
        () = stop.asked() => return Ok(interrupted()),
    };
    let code = tests(args, &servers, &mut stop).await;
    // Also after an error: nothing is left running.
    servers.stop().await?;
    code
}

async fn tests(args: &[String], servers: &Servers, stop: &mut Stop) -> Result<ExitCode> {
    let children = Children::new()?;
    let mut all = vec!["test".to_owned()];
    if !chooses_packages(args) {
        all.push("--workspace".to_owned());
    }
    all.extend_from_slice(args);
    let mut cargo = children
        .start(cargo::program(), &all, |command| {
            command.current_dir(cargo::root()).envs(servers.env());
            for name in cargo::inherited() {
                command.env_remove(name);
            }
        })
        .await?;
    tokio::select! {
        status = cargo.wait() => {
            let code = status?.code().and_then(|code| u8::try_from(code).ok());
            Ok(ExitCode::from(code.unwrap_or(1)))
        }
        () = stop.asked() => {
            end(cargo).await;
            Ok(interrupted())
        }
    }
}

/// Tests that hang do not listen to a gentle word, and cargo hears nothing while they run.
async fn end(cargo: Child) {
    cargo.signal(Signal::INT);
    cargo.stop(Duration::from_secs(3)).await;
}

/// `--workspace` would overrule a choice.
fn chooses_packages(args: &[String]) -> bool {
    let before_tests = args.iter().take_while(|arg| *arg != "--");
    let names = ["-p", "--package", "--workspace", "--all", "--manifest-path"];
    before_tests.into_iter().any(|arg| {
        let name = arg.split('=').next().unwrap_or(arg);
        names.contains(&name) || (arg.starts_with("-p") && !arg.starts_with("--"))
    })
}

fn interrupted() -> ExitCode {
    ui::say("stopped");
    // As a shell reports an interrupted program.
    ExitCode::from(130)
}

#[cfg(test)]
mod tests_of_arguments {
    use super::*;

    #[test]
    fn a_choice_of_packages_replaces_the_workspace() {
        let chooses = |args: &[&str]| {
            chooses_packages(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
        };
        for yes in [&["-p", "ballet"][..], &["-pballet"], &["--package=ballet"], &["--workspace"]] {
            assert!(chooses(yes), "{yes:?}");
        }
        for no in [&[][..], &["--no-run"], &["poison", "--", "-p"], &["--profile", "release"]] {
            assert!(!chooses(no), "{no:?}");
        }
    }
}
