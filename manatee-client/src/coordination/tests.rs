//! The ZooKeeper in memory answers as the real one: the same operations, one after the other, on both.

use std::cell::Cell;

use proptest::prelude::*;
use test_servers::ZooKeeper;

use super::*;

/// An operation of one of two sessions, in a tree of few names so that they meet.
#[derive(Clone, Debug)]
enum Does {
    Gets(usize),
    Lists(usize),
    MakesDirectory(usize),
    Creates(usize, Ephemeral),
    Sets(usize, i32),
    Deletes(usize, Option<i32>),
    Commits(Vec<(usize, u8, i32)>),
    /// A session is closed, and another is opened in its place.
    Leaves,
}

const PATHS: [&str; 6] = ["/a", "/a/b", "/a/b/c", "/a/d", "/e", "/e/f"];

fn does() -> impl Strategy<Value = Does> {
    let path = || 0..PATHS.len();
    let version = || -1..3_i32;
    let kind = prop_oneof![Just(Ephemeral::Named), Just(Ephemeral::Numbered)];
    prop_oneof![
        4 => path().prop_map(Does::Gets),
        3 => path().prop_map(Does::Lists),
        3 => path().prop_map(Does::MakesDirectory),
        3 => (path(), kind).prop_map(|(path, kind)| Does::Creates(path, kind)),
        4 => (path(), version()).prop_map(|(path, version)| Does::Sets(path, version)),
        3 => (path(), proptest::option::of(version())).prop_map(|(path, version)| Does::Deletes(path, version)),
        2 => proptest::collection::vec((path(), 0..5_u8, version()), 1..4).prop_map(Does::Commits),
        1 => Just(Does::Leaves),
    ]
}

/// The answer in words. Times differ, as do the numbers of sessions: of an owner only counts which of the two it is.
async fn answer(sessions: &[Session; 2], of: usize, root: &str, does: &Does) -> String {
    let connection = sessions[of].connection();
    let at = |path: usize| format!("{root}{}", PATHS[path]);
    let told = |error: ZooKeeperError| error.to_string().replace(root, "");
    let shown = |node: Node| {
        let owner = sessions.iter().position(|session| session.id() == node.owner);
        format!("{:?} {} {owner:?}", node.data, node.version)
    };
    let result = match does {
        Does::Gets(path) => connection.get(&at(*path)).await.map(shown),
        Does::Lists(path) => connection.children(&at(*path)).await.map(|mut names| {
            names.sort();
            format!("{names:?}")
        }),
        Does::MakesDirectory(path) => {
            connection.make_directory(&at(*path)).await.map(|()| String::new())
        }
        Does::Creates(path, kind) => {
            connection.create(&at(*path), b"made", *kind).await.map(|number| number.to_string())
        }
        Does::Sets(path, version) => {
            connection.set(&at(*path), b"set", *version).await.map(|version| version.to_string())
        }
        Does::Deletes(path, version) => {
            connection.delete(&at(*path), *version).await.map(|()| String::new())
        }
        Does::Commits(ops) => {
            let ops = ops.iter().map(|(path, kind, version)| {
                let (path, data, version) = (at(*path), b"op".to_vec(), *version);
                match kind {
                    0 => Op::Create { path, data, sequential: false },
                    1 => Op::Create { path, data, sequential: true },
                    2 => Op::Set { path, data, version },
                    3 => Op::Delete { path, version },
                    _ => Op::Check { path, version },
                }
            });
            let versions = sessions[of].transaction(ops.collect()).await;
            versions.map(|versions| format!("{versions:?}"))
        }
        Does::Leaves => Ok(String::new()),
    };
    result.unwrap_or_else(told)
}

#[test]
fn memory_answers_as_a_server_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let server = ZooKeeper::start();
    let servers: Servers = server.address().parse().unwrap();
    let options =
        SessionOptions { session_timeout: Duration::from_secs(8), ..SessionOptions::default() };
    let script = proptest::collection::vec((0..2_usize, does()), 1..40);
    let config =
        ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    let number = Cell::new(0);
    proptest!(config, |(script in script)| {
        number.set(number.get() + 1);
        let root = format!("/case-{}", number.get());
        runtime.block_on(async {
            let memory = MemoryCoordination::new(jiff::Timestamp::now);
            let mut real = [servers.open_session(&options).await.unwrap(), servers.open_session(&options).await.unwrap()];
            let mut ours = [memory.open_session(&options).await.unwrap(), memory.open_session(&options).await.unwrap()];
            real[0].make_directory(&root).await.unwrap();
            ours[0].make_directory(&root).await.unwrap();
            for (of, does) in &script {
                if matches!(does, Does::Leaves) {
                    let gone = std::mem::replace(&mut real[*of], servers.open_session(&options).await.unwrap());
                    gone.close().await;
                    let gone = std::mem::replace(&mut ours[*of], memory.open_session(&options).await.unwrap());
                    gone.close().await;
                    continue;
                }
                // What one session has written, the other one may not have heard of yet.
                real[*of].sync().await.unwrap();
                let (expected, found) = (answer(&real, *of, &root, does).await, answer(&ours, *of, &root, does).await);
                prop_assert_eq!(expected, found, "{:?} by session {}", does, of);
            }
            Ok(())
        })?;
    });
}

#[tokio::test]
async fn watches_fire_once_and_tell_of_the_end() {
    let memory = MemoryCoordination::new(jiff::Timestamp::now);
    let options = SessionOptions::default();
    let (watcher, writer) = (
        memory.open_session(&options).await.unwrap(),
        memory.open_session(&options).await.unwrap(),
    );
    writer.make_directory("/a").await.unwrap();
    let (none, mut created) = watcher.read_and_watch("/a/b").await.unwrap();
    let (names, mut children) = watcher.children_and_watch("/a").await.unwrap();
    assert!(none.is_none() && names.is_empty());
    writer.create_ephemeral("/a/b", b"x").await.unwrap();
    created.fired().await.unwrap();
    children.fired().await.unwrap();

    // What happens while the connection is cut is told after it.
    let (_, mut gone) = watcher.read_and_watch("/a/b").await.unwrap();
    memory.cut(watcher.id());
    assert!(matches!(watcher.read("/a").await, Err(ZooKeeperError::ConnectionLoss { .. })));
    memory.expire(writer.id());
    assert!(writer.is_over() && writer.events().next().await == Some(SessionEvent::Expired));
    assert!(tokio::time::timeout(Duration::from_millis(20), gone.fired()).await.is_err());
    memory.mend(watcher.id());
    gone.fired().await.unwrap();
    assert!(watcher.read("/a/b").await.unwrap().is_none());

    // A session that ends meanwhile is learnt of afterwards.
    let (_, mut never) = watcher.read_and_watch("/a").await.unwrap();
    memory.cut(watcher.id());
    memory.expire(watcher.id());
    assert!(!watcher.is_over());
    memory.mend(watcher.id());
    assert!(watcher.is_over());
    assert!(matches!(never.fired().await, Err(ZooKeeperError::SessionExpired)));
    assert!(matches!(watcher.read("/a").await, Err(ZooKeeperError::SessionExpired)));
    assert_eq!(memory.sessions(), [0; 0]);
}
