//! A plan's status for people.

use std::time::Duration;

use jiff::Timestamp;
use reshard_core::quantity::{bytes, count, duration, per_second, rate, seconds};
use reshard_core::{EntryKind, Liveness, PhaseState, PlanState, Progress, Withheld};

use super::copy::FileCopy;
use super::lines::Lines;
use super::view::{Now, PhaseView, Situation, View, ago};
use crate::reshard::entry;
use crate::screen::{Mood, Screen};
use crate::table::Table;

/// The name of the executor where no heading says it.
const EXECUTOR: &str = "the executor, ";

/// The lines of the screen, as wide as it is. What needs somebody comes first.
pub(super) fn lines(view: &View, now: Timestamp, screen: Screen) -> Lines {
    let mut text = Text { screen, lines: Vec::new() };
    alarm(view, now, &mut text);
    let targets: Vec<String> = view
        .targets
        .iter()
        .map(|(shard, vnodes)| format!("{} vnodes to {shard}", count(*vnodes)))
        .collect();
    text.item(Mood::Plain, "plan", &view.plan.to_string());
    text.item(Mood::Plain, "moves", &format!("of {}: {}", view.source, targets.join(", ")));
    let (mood, state) = state(view);
    text.item(mood, "state", &state);
    if let PlanState::Held { remedy, .. } = &view.state {
        text.item(Mood::Plain, "to do", &remedy.to_string());
    }
    if let Some(now) = &view.now {
        let is_going_on = matches!(view.situation, Situation::Running | Situation::Aborting);
        text.item(Mood::Plain, if is_going_on { "now" } else { "was at" }, &present(now));
        if let Some(can) = &now.you_can {
            text.item(Mood::Plain, "", &format!("you can {can}"));
        }
    }
    let (mood, executor) = executor(view, now);
    text.item(mood, "executor", executor.strip_prefix(EXECUTOR).unwrap_or(&executor));
    keeps(view, &mut text);
    for asked in &view.asked {
        text.item(Mood::Plain, "asked", asked);
    }
    if let Some(trouble) = &view.last_trouble {
        let since = duration(ago(now, trouble.at));
        let more = match view.troubles {
            0 | 1 => String::new(),
            all => format!(" ({} troubles so far)", count(all)),
        };
        // The words of a hold are those of the state.
        let is_told =
            matches!(view.state, PlanState::Held { .. }) && trouble.kind == EntryKind::Hold;
        let told = trouble.text.to_string();
        let (name, said) = match told.split_once(". To do: ") {
            _ if is_told => ("held", format!("{since} ago{more}")),
            // What was to be done then is over.
            Some((what, _)) if trouble.kind == EntryKind::Hold => (
                "held",
                format!("{since} ago{more}, {}: {what} (it has gone on since)", trouble.phase),
            ),
            _ => ("trouble", format!("{since} ago{more}, {}: {told}", trouble.phase)),
        };
        text.item(entry::mood(trouble.kind), name, &said);
    }
    if !view.routers_left.is_empty() {
        let left = view.routers_left.join(", ");
        let said = format!(
            "{left} did not run when rings were put back: what comes back has the ring that it had, and may refuse writes. \
             `reshard ring audit` tells"
        );
        text.item(Mood::Warning, "routers", &said);
    }
    let standing = std::mem::take(&mut text.lines);
    for before in &view.refused_before {
        let how = if before.moved { "the vnodes moved" } else { "rolled back" };
        let took = seconds(before.seconds);
        text.item(Mood::Plain, "writes", &format!("were refused for {took}: {how}"));
    }
    copy(&view.copy, now, &mut text);
    let details = std::mem::take(&mut text.lines);
    phases(view, now, &mut text);
    let phases = std::mem::take(&mut text.lines);
    commands(view, &mut text);
    Lines { standing, details, phases, commands: text.lines }
}

/// Tells what nobody else can have meanwhile: whoever leaves a plan as it is leaves that too.
fn keeps(view: &View, text: &mut Text) {
    let names: Vec<&str> = view.targets.iter().map(|(shard, _)| shard.as_str()).collect();
    let names = names.join(", ");
    let is_left = !matches!(view.situation, Situation::Running | Situation::Aborting);
    let things: Vec<String> = view
        .withheld
        .iter()
        // Whoever goes on leads them.
        .filter(|thing| is_left || **thing != Withheld::NewNames)
        .map(|thing| match thing {
            Withheld::Takeovers => {
                format!("{} frozen: nobody takes over if its primary dies", view.source)
            }
            Withheld::Dumps => "the dump lock: no shard is dumped".to_owned(),
            Withheld::RingChanges => "the ring: other plans wait for it".to_owned(),
            Withheld::NewNames => {
                format!("the way to {names}: after a takeover requests for them wait until the plan goes on")
            }
        })
        .collect();
    if !things.is_empty() {
        let mood = if is_left { Mood::Warning } else { Mood::Plain };
        text.item(mood, "keeps", &things.join("; "));
    }
}

/// The one line of a pipe, without what changes all the time.
pub(super) fn summary(view: &View) -> String {
    let (_, state) = state(view);
    let writes = match &view.left {
        Some(phase) => format!("; {} WAS LEFT HALF DONE", phase.to_uppercase()),
        None if view.writes.refused => "; WRITES TO THE MOVING VNODES ARE REFUSED".to_owned(),
        None => String::new(),
    };
    match &view.now {
        Some(now) => format!("{state}: {}: {}{writes}", now.phase, now.what),
        None => format!("{state}{writes}"),
    }
}

struct Text {
    screen: Screen,
    lines: Vec<String>,
}

impl Text {
    fn add(&mut self, mood: Mood, head: &str, text: &str) {
        let lines = self.screen.lines(head, text);
        self.lines.extend(lines.iter().map(|line| self.screen.coloured(mood, line)));
    }

    fn item(&mut self, mood: Mood, name: &str, text: &str) {
        self.add(mood, &format!("{name:<9} "), text);
    }

    fn blank(&mut self) {
        self.lines.push(String::new());
    }
}

/// Tells first of all whether writes are refused.
fn alarm(view: &View, now: Timestamp, text: &mut Text) {
    if let Some(phase) = &view.left {
        let head = format!(
            "{} WAS LEFT HALF DONE: REQUESTS FOR THE MOVING VNODES MAY FAIL, AND NOBODY TAKES OVER AT SHARDS THAT ARE FROZEN",
            phase.to_uppercase()
        );
        left_alone(view, now, &head, text);
        text.blank();
        return;
    }
    if !view.writes.refused {
        return;
    }
    let since = view
        .writes
        .since_seconds
        .map_or_else(String::new, |since| format!(" ({} so far)", seconds(since)));
    let head = format!("WRITES TO THE MOVING VNODES ARE REFUSED{since}");
    match view.situation {
        Situation::Running => {
            let until = match view.writes.left_seconds {
                Some(left) if left > 0.0 => format!("at most {} more", seconds(left)),
                Some(_) => "and the original rings go back now".to_owned(),
                None => "until every router has the new ring".to_owned(),
            };
            text.add(Mood::Bad, "", &format!("{head}, {until}."));
        }
        Situation::Aborting => {
            text.add(Mood::Bad, "", &format!("{head}, until the original rings are back."));
        }
        Situation::Abandoned | Situation::NotResponding => left_alone(view, now, &head, text),
        Situation::Held
        | Situation::Paused
        | Situation::Planned
        | Situation::Overtaken
        | Situation::Aborted
        | Situation::Done => {
            // It is not there any more once there is no way back.
            let or = if view.watchdog {
                ", or until the watchdog puts the original rings back, when the budget is over"
            } else {
                ""
            };
            text.add(Mood::Bad, "", &format!("{head}, until somebody lets the plan go on{or}."));
        }
    }
    text.blank();
}

/// Tells who ends what its executor has left, or what to type.
fn left_alone(view: &View, now: Timestamp, head: &str, text: &mut Text) {
    let who = executor(view, now).1;
    if view.watchdog {
        let when = if view.situation == Situation::NotResponding {
            "as soon as ZooKeeper has given up the executor's session"
        } else {
            "now"
        };
        let told = format!("{}.work/watchdog.log tells what it does", view.file);
        let ends = format!("{head}, and the watchdog ends that {when}: {who}; {told}.");
        text.add(Mood::Bad, "", &ends);
        return;
    }
    text.add(Mood::Bad, "", &format!("{head}, and nobody ends that: {who}."));
    if let Some(first) = view.commands.iter().find(|it| it.command.starts_with("reshard ")) {
        text.add(Mood::Bad, "", "Type now:");
        text.lines.push(format!("    {}", first.command));
    }
}

fn state(view: &View) -> (Mood, String) {
    match (view.situation, &view.state) {
        (Situation::Overtaken, _) => (Mood::Bad, "this file is an old copy of the plan".to_owned()),
        (_, PlanState::Held { phase, what, .. }) => (Mood::Bad, format!("HELD in {phase}: {what}")),
        (Situation::Abandoned, PlanState::Aborting) => {
            (Mood::Bad, "interrupted while it was being rolled back".to_owned())
        }
        (Situation::Abandoned, _) => (Mood::Bad, "interrupted".to_owned()),
        (Situation::NotResponding, _) => (Mood::Bad, "stands still".to_owned()),
        (_, PlanState::Planned) => (Mood::Plain, "not begun".to_owned()),
        (_, PlanState::Running) => (Mood::Plain, "running".to_owned()),
        (_, PlanState::Paused) => (Mood::Warning, "paused".to_owned()),
        (_, PlanState::Aborting) => (Mood::Warning, "being rolled back".to_owned()),
        (_, PlanState::Aborted) => (Mood::Good, "rolled back".to_owned()),
        (_, PlanState::Done) => (Mood::Good, "done".to_owned()),
    }
}

fn present(now: &Now) -> String {
    let since = seconds(now.since_seconds);
    let far = now
        .progress
        .as_ref()
        .map_or_else(String::new, |progress| format!(", {}", how_far(progress, now.since_seconds)));
    format!("{}: {}, for {since}{far}", now.phase, now.what)
}

/// The progress of something, and how fast it goes.
fn how_far(progress: &Progress, since: f64) -> String {
    let Progress { done, total, unit } = progress;
    let since = Duration::try_from_secs_f64(since).unwrap_or_default();
    if unit == "bytes" {
        let fast = rate(*done, since).map_or_else(String::new, |rate| format!(" ({rate})"));
        return format!("{} of {}{fast}", bytes(*done), bytes(*total));
    }
    let fast = per_second(*done, since).filter(|&each| each > 0);
    let fast = fast.map_or_else(String::new, |each| format!(" ({}/s)", count(each)));
    format!("{} of {} {unit}{fast}", count(*done), count(*total))
}

fn executor(view: &View, now: Timestamp) -> (Mood, String) {
    let is_needed = matches!(view.state, PlanState::Running | PlanState::Aborting);
    let missed = if is_needed { Mood::Bad } else { Mood::Plain };
    let who = view.executor.presence().map_or_else(String::new, |presence| {
        format!("{EXECUTOR}process {} on {},", presence.pid, presence.host)
    });
    let sign = view.executor.presence().map_or_else(String::new, |presence| {
        format!("its last sign was {} ago", duration(ago(now, presence.heartbeat)))
    });
    match &view.executor {
        Liveness::Nobody => (missed, "nobody executes the plan".to_owned()),
        Liveness::Alive(presence) => {
            let since = duration(ago(now, presence.since));
            (Mood::Plain, format!("{} alive for {since}: {sign}", who.trim_end_matches(',')))
        }
        Liveness::NotResponding { .. } => (Mood::Bad, format!("{who} does not respond: {sign}")),
        Liveness::Dead(_) => (missed, format!("{who} is dead: {sign}")),
    }
}

/// Tells whether there is a later one, which must be used instead.
fn copy(copy: &FileCopy, now: Timestamp, text: &mut Text) {
    match copy {
        FileCopy::NotAsked { why } => {
            let said = format!("ZooKeeper does not tell whether this file is the latest: {why}");
            text.item(Mood::Faint, "file", &said);
        }
        FileCopy::Latest => text.item(Mood::Plain, "file", "no other copy of it knows more"),
        FileCopy::Overtaken { by } => {
            let ago = duration(ago(now, by.told));
            let said = format!("NOT THE LATEST: {by}, knew more {ago} ago. Use that one");
            text.item(Mood::Bad, "file", &said);
        }
        FileCopy::Unknown => {
            let said = "ZooKeeper knows nothing of this plan: it is another region's, or was wiped";
            text.item(Mood::Warning, "file", said);
        }
    }
}

/// Those that are over on one line, the others with what they take.
fn phases(view: &View, now: Timestamp, text: &mut Text) {
    let is_over = |phase: &&PhaseView| phase.state == Some(PhaseState::Done);
    let (done, others): (Vec<&PhaseView>, Vec<&PhaseView>) = view.phases.iter().partition(is_over);
    text.blank();
    if let Some(left) = view.remaining_seconds {
        let over = now + jiff::SignedDuration::from_secs_f64(left);
        let over = over.strftime("%H:%M UTC");
        text.add(
            Mood::Plain,
            "",
            &format!(
                "{} of {} phases are done; about {} to go, until {over}",
                done.len(),
                view.phases.len(),
                seconds(left)
            ),
        );
    } else {
        text.add(
            Mood::Plain,
            "",
            &format!("{} of {} phases are done", done.len(), view.phases.len()),
        );
    }
    if !done.is_empty() {
        let names: Vec<&str> = done.iter().map(|phase| phase.name.as_str()).collect();
        text.add(Mood::Faint, "  ", &names.join(", "));
    }
    if others.is_empty() || matches!(view.situation, Situation::Aborted) {
        return;
    }
    let mut table = Table::new(["PHASE", "STATE", "TIME", "WHAT"]).numbers(&[2]);
    for phase in others {
        let (mood, state) = match phase.state {
            None => (Mood::Plain, "to come"),
            Some(PhaseState::Begun) => (Mood::Warning, "begun"),
            Some(PhaseState::Done) => (Mood::Plain, "done"),
            Some(PhaseState::Undoing) => (Mood::Warning, "undoing"),
            Some(PhaseState::Undone) => (Mood::Plain, "undone"),
        };
        let predicted =
            phase.predicted_seconds.map(|predicted| format!("~ {}", seconds(predicted)));
        let begun = phase.seconds.filter(|_| phase.state == Some(PhaseState::Begun)).map(seconds);
        let what = match phase.attempts {
            0 | 1 => phase.title.clone(),
            attempts => format!("{} (begun {attempts} times)", phase.title),
        };
        table.row_in(
            mood,
            [phase.name.clone(), state.to_owned(), begun.or(predicted).unwrap_or_default(), what],
        );
    }
    let screen = text.screen;
    text.lines.extend(table.lines(screen));
}

/// Lines to be pasted, and so never broken.
fn commands(view: &View, text: &mut Text) {
    if view.commands.is_empty() {
        return;
    }
    text.blank();
    text.add(Mood::Plain, "", "What can be done:");
    for suggestion in &view.commands {
        let whole = format!("  {}  # {}", suggestion.command, suggestion.why);
        if text.screen.fits(&whole) {
            text.lines.push(whole);
        } else {
            text.add(Mood::Faint, "  # ", &suggestion.why);
            text.lines.push(format!("  {}", suggestion.command));
        }
    }
}
