//! The numbers of what a load has done.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longer latencies count as this: an hour, in microseconds.
const MAX_LATENCY: u64 = 3_600_000_000;
/// Over how many seconds rates are counted.
const RATE_SECONDS: u64 = 5;

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Of how many requests.
    pub count: u64,
    /// Half of them took at most so long.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// Writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WriteStats {
    /// Acknowledged in a second, of late.
    pub rate: f64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Refused: certainly not done.
    pub refused: u64,
    /// Of unknown outcome.
    pub unknown: u64,
    /// Left out because they were too late.
    pub left_out: u64,
    /// Latencies of those acknowledged, from when they were due.
    pub latency: Latency,
}

/// Reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadStats {
    /// Answered in a second, of late.
    pub rate: f64,
    /// Answered.
    pub answered: u64,
    /// Of these: those that did not see what was acknowledged, or saw what cannot be.
    pub wrong: u64,
    /// Failed.
    pub failed: u64,
    /// Left out because they were too late.
    pub left_out: u64,
    /// Latencies of those answered, from when they were due.
    pub latency: Latency,
}

/// The numbers of what a load has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadStats {
    /// For how long it has run.
    pub elapsed: Duration,
    /// The writes.
    pub writes: WriteStats,
    /// The reads.
    pub reads: ReadStats,
}

/// The numbers of what a load has done in all. The rates are those of the whole time.
pub type LoadSummary = LoadStats;

/// Many latencies.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Option<Histogram<u64>>);

impl Default for Latencies {
    fn default() -> Self {
        // The bounds are good, so there is one.
        Self(Histogram::new_with_bounds(1, MAX_LATENCY, 3).ok())
    }
}

impl Latencies {
    pub(crate) fn add(&mut self, micros: u64) {
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(micros);
        }
    }

    pub(crate) fn summary(&self) -> Latency {
        let Some(histogram) = &self.0 else { return Latency::default() };
        #[expect(clippy::cast_precision_loss, reason = "it is at most an hour")]
        let millis = |micros: u64| micros as f64 / 1000.0;
        let at = |quantile| millis(histogram.value_at_quantile(quantile).min(histogram.max()));
        let count = histogram.len();
        Latency { count, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: millis(histogram.max()) }
    }
}

/// Events of the last seconds.
#[derive(Clone, Debug, Default)]
struct Recent(VecDeque<(u64, u64)>);

impl Recent {
    fn add(&mut self, second: u64) {
        match self.0.back_mut() {
            Some((last, count)) if *last >= second => *count += 1,
            _ => self.0.push_back((second, 1)),
        }
        while self.0.front().is_some_and(|(first, _)| first + RATE_SECONDS < second) {
            self.0.pop_front();
        }
    }

    /// The rate of the last whole seconds.
    fn rate(&self, second: u64) -> f64 {
        let from = second.saturating_sub(RATE_SECONDS);
        let whole = self.0.iter().filter(|(at, _)| (from..second).contains(at));
        per_second(whole.map(|(_, count)| count).sum(), Duration::from_secs(second - from))
    }
}

fn per_second(count: u64, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "it is a rate for people")]
    let count = count as f64;
    if time.is_zero() { 0.0 } else { count / time.as_secs_f64() }
}

/// Counts what a load does.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    writes: WriteStats,
    write_latencies: Latencies,
    recent_writes: Recent,
    reads: ReadStats,
    read_latencies: Latencies,
    recent_reads: Recent,
}

impl Counters {
    pub(super) fn acknowledged(&mut self, due: u64, end: u64) {
        self.writes.acknowledged += 1;
        self.write_latencies.add(end.saturating_sub(due));
        self.recent_writes.add(end / 1_000_000);
    }

    pub(super) fn refused(&mut self) {
        self.writes.refused += 1;
    }

    pub(super) fn unknown(&mut self) {
        self.writes.unknown += 1;
    }

    pub(super) fn answered(&mut self, due: u64, end: u64, right: bool) {
        self.reads.answered += 1;
        self.reads.wrong += u64::from(!right);
        self.read_latencies.add(end.saturating_sub(due));
        self.recent_reads.add(end / 1_000_000);
    }

    pub(super) fn read_failed(&mut self) {
        self.reads.failed += 1;
    }

    pub(super) fn left_out(&mut self, writes: u64, reads: u64) {
        self.writes.left_out += writes;
        self.reads.left_out += reads;
    }

    /// At a time in microseconds.
    pub(super) fn stats(&self, now: u64) -> LoadStats {
        let second = now / 1_000_000;
        let (mut writes, mut reads) = (self.writes, self.reads);
        writes.rate = self.recent_writes.rate(second);
        writes.latency = self.write_latencies.summary();
        reads.rate = self.recent_reads.rate(second);
        reads.latency = self.read_latencies.summary();
        LoadStats { elapsed: Duration::from_micros(now), writes, reads }
    }

    pub(super) fn summary(&self, now: u64) -> LoadSummary {
        let mut stats = self.stats(now);
        stats.writes.rate = per_second(stats.writes.acknowledged, stats.elapsed);
        stats.reads.rate = per_second(stats.reads.answered, stats.elapsed);
        stats
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p95, p99, max, .. } = self;
        write!(f, "p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms, max {max:.1} ms")
    }
}

impl fmt::Display for LoadStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { elapsed, writes, reads } = self;
        writeln!(f, "after {:.1} s", elapsed.as_secs_f64())?;
        let WriteStats { rate, acknowledged, refused, unknown, left_out, latency } = writes;
        writeln!(
            f,
            "writes {rate:.0}/s, {acknowledged} acknowledged, {refused} refused, {unknown} unknown, \
             {left_out} left out"
        )?;
        writeln!(f, "       {latency}")?;
        let ReadStats { rate, answered, wrong, failed, left_out, latency } = reads;
        writeln!(
            f,
            "reads  {rate:.0}/s, {answered} answered, {wrong} wrong, {failed} failed, {left_out} left out"
        )?;
        write!(f, "       {latency}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_whole_seconds() {
        let mut counters = Counters::default();
        for write in 0..100 {
            counters.acknowledged(write * 100_000, write * 100_000 + 2000);
        }
        counters.answered(0, 9_999_999, false);
        let stats = counters.stats(10_500_000);
        assert!((stats.writes.rate - 10.0).abs() < f64::EPSILON, "{stats}");
        assert!((stats.writes.latency.p50 - 2.0).abs() < 0.01, "{stats}");
        assert_eq!((stats.reads.answered, stats.reads.wrong), (1, 1));
        assert!((counters.summary(20_000_000).writes.rate - 5.0).abs() < f64::EPSILON);
        assert!(counters.stats(100_000_000).writes.rate.abs() < f64::EPSILON);
        assert!(stats.to_string().lines().all(|line| line.len() <= 80), "{stats}");
    }
}
