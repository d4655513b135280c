//! Ctrl-C and SIGTERM: the first asks a run to come to an end, the second ends the process.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::terminal;

/// What a shell reports of a process that a signal ended (128 and the number of SIGINT).
const INTERRUPTED: i32 = 130;

/// A flag that the first signal raises.
pub(super) fn on_signals() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    // Without a thread or a runtime to wait in, signals do what they always did.
    let _ = thread::Builder::new().name("leastwise-signals".to_owned()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(wait(&raised));
    });
    flag
}

async fn wait(raised: &AtomicBool) {
    let Some(mut signals) = Signals::new() else { return };
    signals.next().await;
    raised.store(true, Ordering::Relaxed);
    terminal::urgent("coming to an end: what is under way is finished; once more to end at once");
    signals.next().await;
    #[expect(clippy::exit, reason = "whoever asks twice does not want to wait for anything")]
    process::exit(INTERRUPTED);
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt()).ok()?;
        Some(Self { interrupt, terminate: signal(SignalKind::terminate()).ok()? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Option<Self> {
        Some(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
