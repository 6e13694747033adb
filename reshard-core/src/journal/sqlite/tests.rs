//! Plan files that several processes read and write at once.

use jiff::Timestamp;

use super::*;
use crate::clock::TimeSpan;
use crate::journal::{Controls, Entry, EntryKind, Journal, PhaseRecord, PhaseState, PlanState};
use crate::plan::PlanUuid;

fn planned() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("split.plan");
    SqliteJournal::create(&path, &crate::plan::example(PlanUuid::random())).unwrap();
    (directory, path)
}

/// As operators do who ask for a pause and change two settings, each in a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_several_want_at_once_is_not_lost() {
    const TIMES: u32 = 40;
    let (_directory, path) = planned();
    SqliteJournal::open(&path)
        .unwrap()
        .update_controls(&mut |controls| {
            (controls.tuning.router_concurrency, controls.tuning.delete_batch) = (0, 0);
        })
        .await
        .unwrap();
    let many = |change: fn(&mut Controls)| {
        let store = SqliteJournal::open(&path).unwrap();
        tokio::spawn(async move {
            for _ in 0..TIMES {
                store.update_controls(&mut |controls| change(controls)).await.unwrap();
            }
        })
    };
    let all = [
        many(|controls| controls.tuning.router_concurrency += 1),
        many(|controls| controls.tuning.delete_batch += 1),
        many(|controls| controls.pause = true),
    ];
    for one in all {
        one.await.unwrap();
    }
    let controls = SqliteJournal::open(&path).unwrap().controls().await.unwrap();
    assert!(controls.pause);
    assert_eq!((controls.tuning.router_concurrency, controls.tuning.delete_batch), (TIMES, TIMES));
}

fn executor(token: u64) -> Presence {
    Presence {
        token,
        host: "here".to_owned(),
        pid: 77,
        session: 1,
        since: Timestamp::UNIX_EPOCH,
        heartbeat: Timestamp::UNIX_EPOCH,
        left: None,
    }
}

fn is_overtaken<T>(written: Result<T, JournalError>) -> bool {
    matches!(written, Err(JournalError::Overtaken { by, .. }) if by.token == 6)
}

#[tokio::test]
async fn an_executor_writes_nothing_once_another_has_claimed_the_plan() {
    let (_directory, path) = planned();
    let open = || SqliteJournal::open(&path).unwrap();
    let (first, second, operator) = (open(), open(), open());
    let now = Timestamp::UNIX_EPOCH;
    let entry = Entry { at: now, phase: String::new(), kind: EntryKind::Note, text: "here".into() };
    let time = TimeSpan::begun_at(now);
    let record = PhaseRecord { state: PhaseState::Begun, time, attempts: 1 };
    first.claim(&executor(5)).await.unwrap();
    first.set_state(&PlanState::Running).await.unwrap();
    second.claim(&executor(6)).await.unwrap();

    assert!(is_overtaken(first.set_state(&PlanState::Done).await));
    assert!(is_overtaken(first.set_phase("drain", &record).await));
    assert!(is_overtaken(first.set_fact("round", Some(&1.into())).await));
    assert!(is_overtaken(first.set_fact("round", None).await));
    assert!(is_overtaken(first.set_activity(None).await));
    assert!(is_overtaken(first.append(&entry, None).await));
    assert!(is_overtaken(first.update_controls(&mut |controls| controls.pause = false).await));
    assert!(is_overtaken(first.beat(now, false).await));
    // Not even with the lock of before, and not with a lock that ZooKeeper began to count anew.
    for token in [1, 5, 6] {
        let late = Presence { session: 2, ..executor(token) };
        assert!(is_overtaken(first.claim(&late).await), "{token}");
        assert!(is_overtaken(operator.claim(&late).await), "{token}");
    }
    second.claim(&executor(6)).await.unwrap();
    assert_eq!(second.state().await.unwrap(), PlanState::Running);
    assert!(second.log_after(0).await.unwrap().is_empty());

    // Operators claim nothing, and may always say what they want.
    operator.update_controls(&mut |controls| controls.pause = true).await.unwrap();
    second.append(&entry, None).await.unwrap();
}

#[tokio::test]
async fn a_plan_file_tells_who_executes_it() {
    let (_directory, path) = planned();
    let (store, other) = (SqliteJournal::open(&path).unwrap(), SqliteJournal::open(&path).unwrap());
    assert_eq!(other.presence().await.unwrap(), None);
    store.claim(&executor(1)).await.unwrap();
    assert_eq!(other.presence().await.unwrap(), Some(executor(1)));
    let later = Timestamp::from_second(60).unwrap();
    store.beat(later, false).await.unwrap();
    assert_eq!(other.presence().await.unwrap().unwrap().heartbeat, later);
    // Nobody writes of others that they left.
    other.beat(later, true).await.unwrap();
    assert_eq!(other.presence().await.unwrap().unwrap().left, None);
    store.beat(later, true).await.unwrap();
    assert_eq!(other.presence().await.unwrap().unwrap().left, Some(later));
}

fn files(directory: &TempDir) -> Vec<String> {
    let names = std::fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// As `cp split.plan copy.plan` does after the executor was killed.
#[tokio::test]
async fn the_file_alone_is_the_plan() {
    let (directory, path) = planned();
    let store = SqliteJournal::open(&path).unwrap();
    store.set_state(&PlanState::Running).await.unwrap();
    store.set_fact("round", Some(&1.into())).await.unwrap();
    assert_eq!(files(&directory), ["split.plan"]);
    let copy = directory.path().join("copy.plan");
    std::fs::copy(&path, &copy).unwrap();
    let copy = SqliteJournal::open_read_only(&copy).unwrap();
    assert_eq!(copy.state().await.unwrap(), PlanState::Running);
    assert_eq!(copy.fact("round").await.unwrap(), Some(1.into()));
    assert_eq!(files(&directory), ["copy.plan", "split.plan"]);
    assert!(matches!(copy.set_state(&PlanState::Done).await, Err(JournalError::Database { .. })));
}

/// The disk as it is when an executor is killed in the middle of a write.
fn killed_while_writing(directory: &TempDir, path: &Path) -> PathBuf {
    let killed = directory.path().join("killed.plan");
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("pragma journal_mode=delete; pragma cache_size=1").unwrap();
    connection.execute_batch("begin immediate").unwrap();
    for number in 0..200 {
        let name = format!("fact-{number}");
        let sql = "insert into fact (name, json) values (?1, ?2)";
        connection.execute(sql, [&name, &format!("\"{}\"", "x".repeat(500))]).unwrap();
    }
    let journal = open::beside(path, "-journal");
    assert!(journal.metadata().unwrap().len() > 512, "nothing was written yet");
    std::fs::copy(path, &killed).unwrap();
    std::fs::copy(&journal, open::beside(&killed, "-journal")).unwrap();
    connection.execute_batch("rollback").unwrap();
    killed
}

#[tokio::test]
async fn a_write_that_was_broken_off_is_not_there() {
    let (directory, path) = planned();
    let killed = killed_while_writing(&directory, &path);
    let all = files(&directory);
    // Whoever only looks changes nothing.
    let seen = SqliteJournal::open_read_only(&killed).unwrap();
    assert_eq!(seen.facts().await.unwrap(), BTreeMap::new());
    assert_eq!(seen.state().await.unwrap(), PlanState::Planned);
    assert!(matches!(seen.set_state(&PlanState::Done).await, Err(JournalError::Database { .. })));
    assert_eq!(files(&directory), all);
    let store = SqliteJournal::open(&killed).unwrap();
    assert_eq!(store.facts().await.unwrap(), BTreeMap::new());
    store.set_state(&PlanState::Done).await.unwrap();
    assert_eq!(files(&directory), ["killed.plan", "split.plan"]);
}

/// A copy that was made in the middle of a write has what the file had before, or is refused.
#[tokio::test]
async fn a_copy_without_the_journal_beside_it_is_no_mixture() {
    let (directory, path) = planned();
    let killed = killed_while_writing(&directory, &path);
    std::fs::remove_file(open::beside(&killed, "-journal")).unwrap();
    for opened in [SqliteJournal::open_read_only(&killed), SqliteJournal::open(&killed)] {
        match opened {
            Ok(store) => assert_eq!(store.facts().await.unwrap(), BTreeMap::new()),
            Err(error) => assert!(matches!(error, JournalError::Torn { .. }), "{error:?}"),
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_whole_is_refused() {
    let (_directory, path) = planned();
    let store = SqliteJournal::open(&path).unwrap();
    for number in 0..50 {
        store.set_fact(&format!("fact-{number}"), Some(&"x".repeat(1000).into())).await.unwrap();
    }
    drop(store);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    for opened in [SqliteJournal::open(&path), SqliteJournal::open_read_only(&path)] {
        let Err(error) = opened else { panic!("it was opened") };
        let text = crate::causes::Chain(&error).to_string();
        assert!(text.contains("damaged") || text.contains("malformed"), "{text}");
    }
}

/// A plan of the version before names neither its tables nor its moves, among others.
#[tokio::test]
async fn a_plan_of_another_version_is_refused_by_its_number() {
    let (_directory, path) = planned();
    let connection = Connection::open(&path).unwrap();
    let older = r#"UPDATE document SET json = '{"version": 1}' WHERE name = 'plan'"#;
    assert_eq!(connection.execute(older, []).unwrap(), 1);
    let error = SqliteJournal::open(&path).unwrap().plan().await.unwrap_err().to_string();
    assert!(error.contains("is of version 1, "), "{error}");
}

#[tokio::test]
async fn a_plan_whose_parts_do_not_fit_is_refused_by_its_member() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("split.plan");
    let mut plan = crate::plan::example(PlanUuid::random());
    plan.new_shards.clear();
    plan.hash = plan.computed_hash();
    let store = SqliteJournal::create(&path, &plan).unwrap();
    let text = crate::causes::Chain(&store.plan().await.unwrap_err()).to_string();
    assert!(text.contains("split.plan cannot be carried out"), "{text}");
    assert!(text.contains("moves.0.to: new_shards does not have 3.moray"), "{text}");
}
