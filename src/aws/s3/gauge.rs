//! How many requests to have in flight.
//!
//! The number grows as long as growing helps, goes back one step when it does not, and is tried again now and then; an answer that
//! asks to slow down halves it. What "helps" means is measured: objects and bytes that came in a second. While objects wait for the
//! workers, more of them would help nobody and take memory: the number goes back to where it started.

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
    /// Of the objects, those for which the workers had no hand free.
    n_too_many: usize,
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
            n_too_many: 0,
            throttled: 0,
            deaf_until: Duration::ZERO,
        }
    }

    /// Requests to have in flight now.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// An object came, and was handed over; `throttled` counts all answers so far that asked to slow down, and the workers `had_enough`
    /// to do when they still had others waiting.
    pub(super) fn came(&mut self, bytes: u64, throttled: u64, had_enough: bool, now: Duration) {
        self.n_objects += 1;
        self.weight += 1 + bytes / BYTES;
        self.n_too_many += usize::from(had_enough);
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
        if self.n_too_many * 2 > self.n_objects {
            if self.limit > START {
                self.limit = (self.limit - self.limit / 3).max(START);
            }
            if let Phase::Growing { .. } = self.phase {
                // As soon as they have too little, it is tried again.
                self.phase = Phase::Resting(0);
            }
            self.restart(now);
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
        self.n_too_many = 0;
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
            gauge.came(0, 0, false, now);
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
    fn it_goes_back_while_the_workers_have_enough_and_grows_again_when_they_do_not() {
        let mut gauge = settled(60, |limit| limit as f64 * 20.0);
        let mut now = Duration::from_secs(60);
        for _ in 0..20_000 {
            now += Duration::from_millis(1);
            gauge.came(0, 0, true, now);
        }
        assert_eq!(gauge.limit(), START);
        for _ in 0..5_000 {
            now += Duration::from_secs_f64(0.05 / gauge.limit() as f64);
            gauge.came(0, 0, false, now);
        }
        assert!(gauge.limit() > START * 4, "{}", gauge.limit());
        // One that was halved stays there.
        gauge.came(0, 1, false, now);
        let halved = gauge.limit();
        gauge.came(0, 1, true, now);
        assert_eq!(gauge.limit(), halved);
    }

    #[test]
    fn an_answer_that_asks_to_slow_down_halves_it_once() {
        let mut gauge = settled(60, |limit| limit as f64 * 20.0);
        let (before, now) = (gauge.limit(), Duration::from_secs(60));
        gauge.came(0, 1, false, now);
        assert_eq!(gauge.limit(), before / 2);
        gauge.came(0, 5, false, now + Duration::from_millis(20));
        assert_eq!(gauge.limit(), before / 2);
        gauge.came(0, 6, false, now + DEAF);
        assert_eq!(gauge.limit(), before / 4);
        for n in 0..100 {
            gauge.came(0, 7 + n, false, now + DEAF * (2 + n as u32));
        }
        assert_eq!(gauge.limit(), LEAST);
    }
}
