//! Ctrl-C while messages are being sent.

use ballet_ops::redrive::Stop;
use ballet_ops::terminal::ui::is_captured;
use tokio::sync::watch;

use crate::base::ui;

/// True with the first Ctrl-C. The second ends the program at once.
pub(crate) fn stop_on_ctrl_c() -> Stop {
    let (sender, stop) = watch::channel(false);
    let is_captured = is_captured();
    tokio::spawn(async move {
        // Ctrl-C ends the program that has captured it at once, which loses nothing.
        if is_captured {
            return sender.closed().await;
        }
        while tokio::signal::ctrl_c().await.is_ok() {
            if sender.send_replace(true) {
                std::process::exit(130);
            }
            ui::say(
                "stopping when the messages that are on their way have arrived (press Ctrl-C again \
                 to stop at once)",
            );
        }
    });
    stop
}
