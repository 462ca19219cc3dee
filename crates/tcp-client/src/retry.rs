//! When an attempt that failed is made again.

use std::time::Duration;

use proto::Address;
use tokio::time::sleep;

use crate::connect::{ConnectError, ConnectOptions, Connected, connect};
use crate::limits::{MAX_RETRY_DELAY, RETRY_DELAY};

/// How often, and after which waits, an attempt is made again.
///
/// The longest wait doubles with each attempt up to a limit, and each wait is a random part of it ("full
/// jitter"): clients that lost the same server at the same moment do not come back at the same moment.
///
/// ```
/// use std::time::Duration;
/// use tcp_client::Retry;
///
/// let retry = Retry { retries: 3, ..Retry::default() };
/// let longest: Vec<_> = (1..=4).map(|failed| retry.wait(failed, 1.0)).collect();
/// assert_eq!(longest, [500, 1000, 2000].map(Duration::from_millis).map(Some).into_iter().chain([None]).collect::<Vec<_>>());
/// assert_eq!(retry.wait(2, 0.25), Some(Duration::from_millis(250)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// How many attempts may follow the first.
    pub retries: u32,
    /// The longest wait before the second attempt.
    pub first_delay: Duration,
    /// The longest wait before any attempt.
    pub max_delay: Duration,
}

impl Default for Retry {
    /// One attempt and no other; the delays count once `retries` is set.
    fn default() -> Self {
        Self { retries: 0, first_delay: RETRY_DELAY, max_delay: MAX_RETRY_DELAY }
    }
}

impl Retry {
    /// How long to wait after `failed` attempts have failed; `None` when there is no other. `random` is
    /// from 0 to 1.
    pub fn wait(&self, failed: u32, random: f64) -> Option<Duration> {
        if failed > self.retries {
            return None;
        }
        let doubled = 2_u32.checked_pow(failed.saturating_sub(1));
        let longest = doubled.and_then(|factor| self.first_delay.checked_mul(factor));
        let longest = longest.map_or(self.max_delay, |longest| longest.min(self.max_delay));
        #[expect(clippy::manual_clamp, reason = "this turns a NaN into 0, `clamp` keeps it")]
        let part = random.max(0.0).min(1.0);
        Some(longest.mul_f64(part))
    }
}

/// Attempts to connect until one succeeds, the schedule ends, or an error says that waiting will not
/// help. `random` gives numbers from 0 to 1; `before_wait` is told what failed and how long the wait is.
pub async fn connect_with_retry(
    address: &Address,
    options: &ConnectOptions,
    retry: &Retry,
    mut random: impl FnMut() -> f64,
    mut before_wait: impl FnMut(&ConnectError, Duration),
) -> Result<Connected, ConnectError> {
    let mut attempt = 1;
    loop {
        let error = match connect(address, options).await {
            Ok(connected) => return Ok(Connected { attempt, ..connected }),
            Err(error) => ConnectError { attempt, ..error },
        };
        let wait = if error.may_pass() { retry.wait(attempt, random()) } else { None };
        let Some(wait) = wait else { return Err(error) };
        before_wait(&error, wait);
        sleep(wait).await;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(retry: Retry, random: f64) -> Vec<f64> {
        (1..).map_while(|failed| retry.wait(failed, random)).map(|w| w.as_secs_f64()).collect()
    }

    #[test]
    fn the_longest_wait_doubles_up_to_the_limit() {
        let retry = Retry { retries: 8, ..Retry::default() };
        assert_eq!(seconds(retry, 1.0), [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]);
    }

    #[test]
    fn each_wait_is_the_part_that_chance_says() {
        let retry = Retry { retries: 3, ..Retry::default() };
        assert_eq!(seconds(retry, 0.5), [0.25, 0.5, 1.0]);
        assert_eq!(seconds(retry, 0.0), [0.0, 0.0, 0.0]);
    }

    #[test]
    fn without_retries_there_is_no_wait() {
        assert_eq!(Retry::default().wait(1, 1.0), None);
    }

    #[test]
    fn endless_retries_never_overflow() {
        let retry = Retry { retries: u32::MAX, ..Retry::default() };
        assert_eq!(retry.wait(u32::MAX, 1.0), Some(MAX_RETRY_DELAY));
        let long = Retry { first_delay: Duration::MAX, ..retry };
        assert_eq!(long.wait(2, 1.0), Some(MAX_RETRY_DELAY));
    }

    #[test]
    fn chance_beyond_its_range_stays_within_the_schedule() {
        let retry = Retry { retries: 1, ..Retry::default() };
        assert_eq!(retry.wait(1, 7.0), Some(RETRY_DELAY));
        assert_eq!(retry.wait(1, -1.0), Some(Duration::ZERO));
        assert_eq!(retry.wait(1, f64::NAN), Some(Duration::ZERO));
    }
}
