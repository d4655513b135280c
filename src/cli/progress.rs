//! The progress bar of a run: objects, bytes, events a second and time left, on a terminal only.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use leastwise::ingest::Progress;

use super::terminal;

/// The time between two drawings.
const PAUSE: Duration = Duration::from_millis(100);

/// Counters the workers add to; one of them draws now and then.
#[derive(Debug)]
pub(super) struct Bar {
    is_shown: bool,
    start: Instant,
    listed: AtomicU64,
    objects: AtomicU64,
    bytes: AtomicU64,
    events: AtomicU64,
    /// Milliseconds after the start at which the bar is due again.
    due: AtomicU64,
}

impl Bar {
    pub(super) fn new(is_shown: bool) -> Self {
        Self {
            is_shown,
            start: Instant::now(),
            listed: AtomicU64::new(0),
            objects: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            events: AtomicU64::new(0),
            due: AtomicU64::new(0),
        }
    }

    /// Takes the bar off the terminal.
    pub(super) fn finish(&self) {
        if self.is_shown {
            terminal::clear_drawn();
        }
    }

    fn draw_if_due(&self) {
        if !self.is_shown {
            return;
        }
        let elapsed = self.start.elapsed();
        let now = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let due = self.due.load(Relaxed);
        let next = now.saturating_add(u64::try_from(PAUSE.as_millis()).unwrap_or(100));
        // Whoever moves the due time on draws; the others go on with their work.
        if now >= due && self.due.compare_exchange(due, next, Relaxed, Relaxed).is_ok() {
            let done = self.objects.load(Relaxed);
            terminal::draw(&line(
                done,
                self.listed.load(Relaxed),
                self.bytes.load(Relaxed),
                self.events.load(Relaxed),
                elapsed,
            ));
        }
    }
}

impl Progress for Bar {
    fn listed(&self, objects: u64) {
        self.listed.store(objects, Relaxed);
        self.draw_if_due();
    }

    fn object(&self, bytes: u64, records: u64) {
        self.objects.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.events.fetch_add(records, Relaxed);
        self.draw_if_due();
    }
}

/// What the bar shows.
fn line(done: u64, listed: u64, bytes: u64, events: u64, elapsed: Duration) -> String {
    /// Characters of the bar itself.
    const WIDTH: u64 = 24;
    let filled = usize::try_from(done.min(listed) * WIDTH / listed.max(1)).unwrap_or(0);
    let empty = WIDTH as usize - filled;
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let per_second = u128::from(events) * 1_000 / u128::from(millis);
    let left = match done {
        0 => "–".to_owned(),
        _ => {
            let millis_left = u128::from(millis) * u128::from(listed.saturating_sub(done)) / u128::from(done);
            let seconds = millis_left.div_ceil(1_000);
            format!("{}:{:02}", seconds / 60, seconds % 60)
        }
    };
    format!(
        "{}{} {done}/{listed} objects  {} MB  {per_second} events/s  {left} left",
        "█".repeat(filled),
        "░".repeat(empty),
        bytes / 1_000_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_shows_what_is_done_and_what_is_left() {
        assert_eq!(
            line(25, 100, 12_345_678, 50_000, Duration::from_secs(10)),
            "██████░░░░░░░░░░░░░░░░░░ 25/100 objects  12 MB  5000 events/s  0:30 left"
        );
        assert_eq!(
            line(0, 0, 0, 0, Duration::ZERO),
            "░░░░░░░░░░░░░░░░░░░░░░░░ 0/0 objects  0 MB  0 events/s  – left"
        );
    }
}
