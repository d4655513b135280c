//! How many requests to have in flight.
//!
//! The number grows as long as growing helps, goes back one step when it does not, and is tried again now and then; an answer that
//! asks to slow down halves it. What "helps" means is measured: objects and bytes that came in a second.

use std::time::Duration;

/// Where it starts.
const START: usize = 16;
/// Never fewer.
const LEAST: usize = 8;
/// Never more; each is a connection and an object in memory.
const MOST: usize = 256;
/// A step up must bring so much.
const WORTH: f64 = 1.05;
/// Windows to wait after a step that brought nothing.
const REST: u32 = 12;
/// A window is at least so long,
const SHORTEST: Duration = Duration::from_millis(50);
/// and answers that were on their way when the number was halved do not halve it again.
const DEAF: Duration = Duration::from_millis(500);
/// Bytes that weigh as much as one more object.
const BYTES: u64 = 64 << 10;

/// See the module. Times are since the start of the run.
#[derive(Clone, Debug)]
pub(super) struct Gauge {
    limit: usize,
    phase: Phase,
    since: Duration,
    n_objects: usize,
    weight: u64,
    throttled: u64,
    deaf_until: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The last step was from this number, which gave this much a second.
    Growing { from: usize, rate: f64 },
    /// So many windows until the next try.
    Resting(u32),
}

impl Gauge {
    pub(super) fn new() -> Self {
        Self {
            limit: START,
            phase: Phase::Growing { from: START, rate: 0.0 },
            since: Duration::ZERO,
            n_objects: 0,
            weight: 0,
            throttled: 0,
            deaf_until: Duration::ZERO,
        }
    }

    /// Requests to have in flight now.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// An object came; `throttled` counts all answers so far that asked to slow down.
    pub(super) fn came(&mut self, bytes: u64, throttled: u64, now: Duration) {
        self.n_objects += 1;
        self.weight += 1 + bytes / BYTES;
        if throttled > self.throttled {
            self.throttled = throttled;
            if now >= self.deaf_until {
                self.limit = (self.limit / 2).max(LEAST);
                self.deaf_until = now + DEAF;
                self.phase = Phase::Resting(REST);
                self.restart(now);
            }
            return;
        }
        // Every slot has been filled twice, so that what is measured is this number and not the one before.
        let elapsed = now.saturating_sub(self.since);
        if self.n_objects < self.limit * 2 || elapsed < SHORTEST {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate, compared with another")]
        let rate = self.weight as f64 / elapsed.as_secs_f64();
        match self.phase {
            Phase::Growing { from, rate: before } if rate < before * WORTH => {
                self.limit = from;
                self.phase = Phase::Resting(REST);
            }
            Phase::Resting(windows) if windows > 0 => self.phase = Phase::Resting(windows - 1),
            _ => {
                self.phase = Phase::Growing { from: self.limit, rate };
                self.limit = (self.limit + self.limit / 2).min(MOST);
            }
        }
        self.restart(now);
    }

    fn restart(&mut self, now: Duration) {
        self.since = now;
        self.n_objects = 0;
        self.weight = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A world in which `limit` requests give `rate(limit)` objects a second; the limit after so many seconds.
    fn settled(seconds: u64, rate: impl Fn(usize) -> f64) -> Gauge {
        let mut gauge = Gauge::new();
        let mut now = Duration::ZERO;
        while now < Duration::from_secs(seconds) {
            now += Duration::from_secs_f64(1.0 / rate(gauge.limit()));
            gauge.came(0, 0, now);
        }
        gauge
    }

    #[test]
    fn it_grows_while_growing_helps_and_no_further() {
        // Thirty milliseconds each, and a reader that takes 2,000 a second: sixty in flight would do.
        let limit = settled(20, |limit| (limit as f64 / 0.03).min(2_000.0)).limit();
        assert!((40..=140).contains(&limit), "{limit}");
        // A server that gives everything at once needs no crowd.
        assert!(settled(20, |_| 1_000.0).limit() <= 36);
        // One that is never exhausted gets the most.
        assert!(settled(60, |limit| limit as f64 * 20.0).limit() >= 160);
    }

    #[test]
    fn an_answer_that_asks_to_slow_down_halves_it_once() {
        let mut gauge = settled(60, |limit| limit as f64 * 20.0);
        let (before, now) = (gauge.limit(), Duration::from_secs(60));
        gauge.came(0, 1, now);
        assert_eq!(gauge.limit(), before / 2);
        gauge.came(0, 5, now + Duration::from_millis(20));
        assert_eq!(gauge.limit(), before / 2);
        gauge.came(0, 6, now + DEAF);
        assert_eq!(gauge.limit(), before / 4);
        for n in 0..100 {
            gauge.came(0, 7 + n, now + DEAF * (2 + n as u32));
        }
        assert_eq!(gauge.limit(), LEAST);
    }
}
