//! Time spans, as journals keep them: by the wall clock to be shown, by the clock that nobody sets to compute by.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Clock, elapsed, host};

/// A time span that has begun, in this process or in another one: its members stand in the JSON of whatever lasted so long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSpan {
    /// The time at which it began.
    pub began: Timestamp,
    /// The same by the clock that nobody sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_reading: Option<Reading>,
    /// The time at which it ended; absent while it lasts.
    pub ended: Option<Timestamp>,
    /// Its length in milliseconds, by the clock that nobody sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_millis: Option<u64>,
}

/// A reading of a machine's clock that nobody sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The machine's name: another's clock tells nothing.
    pub host: String,
    /// The reading of [`Clock::monotonic`], in milliseconds.
    pub millis: u64,
}

impl TimeSpan {
    /// Begins one now.
    pub fn begin(clock: &dyn Clock) -> Self {
        let reading = Reading { host: host(), millis: millis(clock.monotonic()) };
        Self { began_reading: Some(reading), ..Self::begun_at(clock.now()) }
    }

    /// One of which only the wall clock tells when it began.
    pub fn begun_at(began: Timestamp) -> Self {
        Self { began, began_reading: None, ended: None, took_millis: None }
    }

    /// The same, ended now.
    #[must_use]
    pub fn end(self, clock: &dyn Clock) -> Self {
        let took_millis = Some(millis(self.lasts(clock)));
        Self { ended: Some(clock.now()), took_millis, ..self }
    }

    /// The same as if it had never ended.
    #[must_use]
    pub fn reopened(self) -> Self {
        Self { ended: None, took_millis: None, ..self }
    }

    /// Tells whether it has ended.
    pub fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Its length, if it is over.
    pub fn took(&self) -> Option<Duration> {
        let by_wall_clock = || self.ended.map(|ended| elapsed(ended, self.began));
        self.took_millis.map(Duration::from_millis).or_else(by_wall_clock)
    }

    /// The time since it began. By the wall clock where the reading is another machine's, or from before this one was started
    /// anew.
    pub fn lasts(&self, clock: &dyn Clock) -> Duration {
        let here = self.began_reading.as_ref().filter(|reading| reading.host == host());
        let since = here.and_then(|reading| {
            clock.monotonic().checked_sub(Duration::from_millis(reading.millis))
        });
        since.unwrap_or_else(|| elapsed(clock.now(), self.began))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A clock that shows this, in seconds.
    struct Shows {
        wall: i64,
        since_start: u64,
    }

    #[async_trait::async_trait]
    impl Clock for Shows {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(self.wall).unwrap()
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.since_start)
        }

        async fn sleep(&self, _: Duration) {}
    }

    #[test]
    fn a_clock_that_is_set_does_not_change_the_length() {
        let span = TimeSpan::begin(&Shows { wall: 1000, since_start: 50 });
        assert_eq!((span.is_over(), span.took()), (false, None));
        let set_back = Shows { wall: 10, since_start: 57 };
        assert_eq!(span.lasts(&set_back), Duration::from_secs(7));
        let ended = span.clone().end(&set_back);
        assert_eq!(
            (ended.ended, ended.took()),
            (Some(set_back.now()), Some(Duration::from_secs(7)))
        );
        assert_eq!(ended.reopened(), span);
    }

    #[test]
    fn the_wall_clock_has_to_do_where_the_other_tells_nothing() {
        let here = TimeSpan::begin(&Shows { wall: 1000, since_start: 50 });
        let reading =
            here.began_reading.clone().map(|it| Reading { host: "other".to_owned(), ..it });
        let elsewhere = TimeSpan { began_reading: reading, ..here.clone() };
        let started_anew = Shows { wall: 1009, since_start: 2 };
        for span in [&here, &elsewhere, &TimeSpan::begun_at(here.began)] {
            assert_eq!(span.lasts(&started_anew), Duration::from_secs(9), "{span:?}");
        }
        let ended = TimeSpan { ended: Some(started_anew.now()), ..here };
        assert_eq!(ended.took(), Some(Duration::from_secs(9)), "of a journal that has no more");
    }

    #[test]
    fn the_json_names_a_reading_only_if_there_is_one() {
        let span = TimeSpan::begun_at(Timestamp::UNIX_EPOCH);
        let json = json!({"began": "1970-01-01T00:00:00Z", "ended": null});
        assert_eq!(serde_json::to_value(&span).unwrap(), json);
        assert_eq!(serde_json::from_value::<TimeSpan>(json).unwrap(), span);
    }
}
