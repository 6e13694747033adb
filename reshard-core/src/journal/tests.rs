//! A journal in a file and one in memory do the same.

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::plan::{PlanUuid, example};

/// An operation of one of three processes that have the journal open.
#[derive(Clone, Debug)]
enum Does {
    SetsState(PlanState),
    SetsPhase(&'static str, PhaseState),
    SetsFact(&'static str, Option<u8>),
    WantsPause(bool),
    Tunes(u32),
    SetsActivity(Option<&'static str>),
    Claims { token: u64, session: i64 },
    Beats { at: i64, leaves: bool },
    Appends(&'static str, Option<&'static str>),
}

fn does() -> impl Strategy<Value = Does> {
    let state = prop_oneof![
        Just(PlanState::Running),
        Just(PlanState::Paused),
        Just(PlanState::Aborting),
        Just(PlanState::Done),
    ];
    let phase_state = prop_oneof![
        Just(PhaseState::Begun),
        Just(PhaseState::Done),
        Just(PhaseState::Undoing),
        Just(PhaseState::Undone),
    ];
    let name = || prop_oneof![Just("drain"), Just("split-shard")];
    let text = || prop_oneof![Just("one"), Just("other")];
    prop_oneof![
        state.prop_map(Does::SetsState),
        (name(), phase_state).prop_map(|(name, state)| Does::SetsPhase(name, state)),
        (name(), proptest::option::of(any::<u8>()))
            .prop_map(|(key, value)| Does::SetsFact(key, value)),
        any::<bool>().prop_map(Does::WantsPause),
        (1..9_u32).prop_map(Does::Tunes),
        proptest::option::of(text()).prop_map(Does::SetsActivity),
        (1..5_u64, 1..3_i64).prop_map(|(token, session)| Does::Claims { token, session }),
        (0..99_i64, any::<bool>()).prop_map(|(at, leaves)| Does::Beats { at, leaves }),
        (text(), proptest::option::of(text()))
            .prop_map(|(text, activity)| Does::Appends(text, activity)),
    ]
}

fn activity(what: &str) -> Activity {
    Activity {
        phase: String::new(),
        what: what.to_owned(),
        since: Timestamp::UNIX_EPOCH,
        hint: None,
        progress: None,
    }
}

/// Does it, and tells in words what came of it.
async fn carried_out(store: &dyn Journal, does: &Does) -> String {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let result = match does {
        Does::SetsState(state) => store.set_state(state).await.map(|()| String::new()),
        Does::SetsPhase(name, state) => {
            let record =
                PhaseRecord { state: *state, time: TimeSpan::begun_at(at(1)), attempts: 1 };
            store.set_phase(name, &record).await.map(|()| String::new())
        }
        Does::SetsFact(key, value) => {
            let value = value.map(Value::from);
            store.set_fact(key, value.as_ref()).await.map(|()| String::new())
        }
        Does::WantsPause(pause) => {
            let pause = *pause;
            let changed = store.update_controls(&mut move |controls| controls.pause = pause).await;
            changed.map(|controls| format!("{controls:?}"))
        }
        Does::Tunes(number) => {
            let number = *number;
            let tune =
                &mut move |controls: &mut Controls| controls.tuning.router_concurrency = number;
            store.update_controls(tune).await.map(|controls| format!("{controls:?}"))
        }
        Does::SetsActivity(what) => {
            let shown = what.map(activity);
            store.set_activity(shown.as_ref()).await.map(|()| String::new())
        }
        Does::Claims { token, session } => {
            let executor = Presence {
                token: *token,
                host: "here".to_owned(),
                pid: 7,
                session: *session,
                since: at(1),
                heartbeat: at(1),
                left: None,
            };
            store.claim(&executor).await.map(|()| String::new())
        }
        Does::Beats { at: second, leaves } => {
            store.beat(at(*second), *leaves).await.map(|()| String::new())
        }
        Does::Appends(text, what) => {
            let entry = Entry {
                at: at(2),
                phase: String::new(),
                kind: EntryKind::Note,
                text: (*text).into(),
            };
            let shown = what.map(activity);
            store.append(&entry, shown.as_ref()).await.map(|number| number.to_string())
        }
    };
    match result {
        Ok(answer) => answer,
        Err(JournalError::Overtaken { by, .. }) => format!("overtaken by {by}"),
        Err(other) => panic!("{other}"),
    }
}

/// All that it has.
async fn contents(store: &dyn Journal) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {} {:?} {:?}",
        store.state().await.unwrap(),
        store.phases().await.unwrap(),
        store.facts().await.unwrap(),
        store.controls().await.unwrap(),
        store.activity().await.unwrap(),
        store.presence().await.unwrap(),
        store.entries().await.unwrap(),
        store.log_after(0).await.unwrap(),
        store.fact("drain").await.unwrap(),
    )
}

#[test]
fn a_journal_in_memory_does_what_one_in_a_file_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let config =
        ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    let script = proptest::collection::vec((0..3_usize, does()), 1..30);
    proptest!(config, |(script in script)| {
        runtime.block_on(async {
            let directory = TempDir::new().unwrap();
            let path = directory.path().join("split.plan");
            let plan = example(PlanUuid::random());
            SqliteJournal::create(&path, &plan).unwrap();
            let in_files = [(); 3].map(|()| SqliteJournal::open(&path).unwrap());
            let memory = MemoryJournal::new(plan);
            let in_memory = [(); 3].map(|()| memory.open_again());
            for (of, does) in &script {
                let expected = carried_out(&in_files[*of], does).await;
                prop_assert_eq!(expected, carried_out(&in_memory[*of], does).await, "{:?} by {}", does, of);
                prop_assert_eq!(contents(&in_files[0]).await, contents(&memory).await, "{:?}", does);
            }
            Ok(())
        })?;
    });
}
