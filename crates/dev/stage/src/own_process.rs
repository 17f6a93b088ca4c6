//! A service in its own process, to kill or thaw.

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

use ballet::{Service, Settings};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::error::{Error, Result, machine};

/// During the start a service makes its tables.
const STARTED: Duration = Duration::from_secs(300);

const SERVING: &str = "serving at ";

/// This test program, started again as a service.
///
/// A test that the caller names becomes the service: it calls [`OwnProcess::serve`] if the environment has its
/// variables, and returns otherwise. The process ends with this value and with the test program.
///
/// ```no_run
/// use ballet::{Service, Settings};
/// use ballet_stage::OwnProcess;
///
/// # fn shelf() -> Service { unimplemented!() }
/// # async fn example(env: ballet_stage::TestEnv) -> ballet_stage::Result<()> {
/// let mut process = OwnProcess::start("service", |command| {
///     command.env("SHELF_AMQP_URL", env.amqp_url("shelf"));
///     command.env("SHELF_DATABASE_URL", env.database_url("shelf"));
/// })?;
/// let address = process.serving().await?;
/// process.kill().await?;
/// # Ok(()) }
///
/// /// Runs in the process; it is no test.
/// #[test]
/// fn service() {
///     let url = |name| std::env::var(name).ok();
///     let (Some(amqp), Some(database)) = (url("SHELF_AMQP_URL"), url("SHELF_DATABASE_URL")) else {
///         return;
///     };
///     OwnProcess::serve(shelf, Settings::new(amqp, database));
/// }
/// ```
#[derive(Debug)]
pub struct OwnProcess {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
    /// The process ends with this pipe, and so with this program.
    _life: Option<ChildStdin>,
}

impl OwnProcess {
    /// Starts this program's test `test`, named with its modules (`killed::service`), in its own process.
    pub fn start(test: &str, prepare: impl FnOnce(&mut Command)) -> Result<Self> {
        let program = std::env::current_exe().map_err(machine("look up this program"))?;
        let mut command = Command::new(program);
        prepare(&mut command);
        command.args([test, "--exact", "--nocapture"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(machine("start this program"))?;
        let life = child.stdin.take();
        let lines = child.stdout.take().map(|output| BufReader::new(output).lines());
        Ok(Self { child, lines, _life: life })
    }

    /// Waits for the start, and returns the URL of the HTTP server.
    ///
    /// # Errors
    ///
    /// If the process ended before, or took more than five minutes.
    pub async fn serving(&mut self) -> Result<String> {
        let url = async {
            let lines = self.lines.as_mut()?;
            while let Ok(Some(line)) = lines.next_line().await {
                // The test runner may print before it.
                if let Some((_, url)) = line.split_once(SERVING) {
                    return Some(url.to_owned());
                }
            }
            None
        };
        let found = tokio::time::timeout(STARTED, url).await.ok().flatten();
        let state = match self.child.try_wait() {
            Ok(Some(status)) => status.to_string(),
            _ => "it still runs".to_owned(),
        };
        found.ok_or(Error::NotServing { state })
    }

    /// Kills it (SIGKILL), and waits until it is gone.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.map_err(machine("kill a process"))
    }

    /// Lets it go on after it was frozen (SIGCONT).
    ///
    /// # Errors
    ///
    /// If it has ended, or the operating system refuses.
    pub fn thaw(&self) -> Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let sent = id.map_or(Err(Errno::SRCH), |id| kill_process(id, Signal::CONT));
        sent.map_err(std::io::Error::from).map_err(machine("thaw a process"))
    }

    /// Whether it has ended by itself, without waiting.
    pub fn has_ended(&mut self) -> Result<bool> {
        let status = self.child.try_wait().map_err(machine("look after a process"))?;
        Ok(status.is_some())
    }

    /// Runs a service in this process until it fails, or until the program that started it is gone.
    ///
    /// # Panics
    ///
    /// If the service does not start or fails later, because a test has to say why.
    pub fn serve(service: impl FnOnce() -> Service, settings: Settings) {
        std::thread::spawn(|| {
            // The pipe closes when that program is gone.
            std::io::stdin().read_to_end(&mut Vec::new()).ok();
            std::process::exit(0);
        });
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let running = service().start(settings).await.expect("the service starts");
            writeln!(std::io::stdout(), "{SERVING}http://{}", running.address()).expect("a reader");
            panic!("the service has failed: {}", running.failed().await);
        });
    }
}
