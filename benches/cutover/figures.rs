//! The figures of many cutovers, as a table.

use std::collections::BTreeMap;
use std::fmt::Write;

use reshard_core::cutover::{CutoverRecord, Verdict};

use super::requests::{Request, Requests};

/// The time around a cutover in which a request that fails fails because of it, in microseconds.
const AROUND: u64 = 1_000_000;

/// The records of all attempts, and the requests that clients made meanwhile.
pub(crate) struct Figures<'a> {
    pub(crate) records: &'a [CutoverRecord],
    pub(crate) requests: &'a Requests,
}

impl Figures<'_> {
    fn done(&self) -> impl Iterator<Item = &CutoverRecord> {
        self.records.iter().filter(|record| record.verdict == Verdict::Done)
    }

    /// A row for the whole, for each step, and for what clients saw; median, 95th and 99th percentile, and worst.
    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "| {} cutovers, in ms | median | p95 | p99 | worst |\n|---|---:|---:|---:|---:|\n",
            self.done().count()
        );
        let blocks = self.done().filter_map(CutoverRecord::block);
        let blocks = blocks.map(|block| block.as_secs_f64() * 1e3).collect();
        row(&mut table, "**requests wait: gate to switch**", blocks);
        let names = self.done().next().map(|record| record.steps.as_slice()).unwrap_or_default();
        for name in names.iter().map(|step| &step.name) {
            let took =
                self.done().filter_map(|record| Some(millis(record.step(name)?.took_micros)));
            row(&mut table, name, took.collect());
        }
        let slowest = self.done().filter_map(|record| {
            let (from, until) = shut(record)?;
            self.requests.between(from, until).map(Request::millis).max_by(f64::total_cmp)
        });
        row(&mut table, "clients: the slowest request of each cutover", slowest.collect());
        let meanwhile = |by_new_name: bool| {
            let shut = self.done().filter_map(shut);
            let requests = shut.flat_map(|(from, until)| self.requests.between(from, until));
            let some = requests.filter(|request| request.by_new_name == by_new_name);
            some.map(Request::millis).collect::<Vec<_>>()
        };
        let (moving, others) = (meanwhile(true), meanwhile(false));
        let name = format!("clients: {} requests of moving vnodes meanwhile", moving.len());
        row(&mut table, &name, moving);
        row(&mut table, &format!("clients: {} other requests meanwhile", others.len()), others);
        table
    }

    /// The requests that failed around attempts, the attempts that were let go, and the rate of writes.
    pub(crate) fn failures(&self) -> String {
        let mut failed: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for (from, until) in self.records.iter().filter_map(shut) {
            let around = self.requests.between(from.saturating_sub(AROUND), until + AROUND);
            for request in around {
                let kind = if request.is_write { "writes" } else { "reads" };
                if let Some(error) = &request.error {
                    *failed.entry((kind, error)).or_default() += 1;
                }
            }
        }
        let failed =
            failed.iter().map(|((kind, error), count)| format!("{count} {kind} ({error})"));
        let mut text = format!(
            "* requests that failed within a second of any of {} attempts: {}",
            self.records.len(),
            listed(failed)
        );
        let mut let_go: BTreeMap<&str, u32> = BTreeMap::new();
        for record in self.records {
            if let Verdict::LetGo { step, .. } = &record.verdict {
                *let_go.entry(step).or_default() += 1;
            }
        }
        let let_go = listed(let_go.iter().map(|(step, count)| format!("{count} in {step}")));
        write!(text, "\n* attempts that were let go, and made again: {let_go}").ok();
        let ends = self.done().filter_map(shut);
        let (from, until) =
            ends.fold((u64::MAX, 0), |all, one| (all.0.min(one.0), all.1.max(one.1)));
        let writes = self.requests.between(from, until);
        let writes = writes.filter(|request| request.is_write && request.error.is_none()).count();
        let seconds = millis(until.saturating_sub(from)) / 1e3;
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let rate = writes as f64 / seconds;
        write!(text, "\n* writes that were answered meanwhile: {rate:.0} a second").ok();
        text
    }
}

fn listed(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// The time from the gate to the end of the switch, or to where the attempt was let go, in microseconds since 1970.
fn shut(record: &CutoverRecord) -> Option<(u64, u64)> {
    let began = u64::try_from(record.began.as_microsecond()).ok()?;
    let from = began + record.step("gate")?.began_micros;
    let block = u64::try_from(record.block()?.as_micros()).ok()?;
    Some((from, from + block))
}

fn row(table: &mut String, name: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        let rank = (values.len() * percent).div_ceil(100).max(1) - 1;
        values.get(rank).copied().unwrap_or(f64::NAN)
    };
    let [median, p95, p99, worst] = [50, 95, 99, 100].map(at);
    writeln!(table, "| {name} | {median:.1} | {p95:.1} | {p99:.1} | {worst:.1} |").ok();
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}
