//! Executions that are the same each time.

use std::fmt::Write as _;

use super::*;

/// An observer that keeps what it is told, as programs read it.
#[derive(Default)]
struct Trace(Mutex<String>);

impl Observer for Trace {
    fn observe(&self, event: &Event) {
        let line = serde_json::to_string(event).unwrap();
        self.0.lock().unwrap().push_str(&(line + "\n"));
    }
}

/// Everything that executions of a script tell, up to the end of the plan, in a world that is recreated.
fn traced(script: &[Does]) -> String {
    runtime().block_on(async {
        let (trace, zookeeper) = (Arc::new(Trace::default()), zookeeper());
        let deployment = deployment(&zookeeper).await;
        let plan = "00000000-0000-4000-8000-000000000007".parse().unwrap();
        let fixture = Fixture::in_memory(&deployment, script.to_vec(), plan);
        for _ in 0..60 {
            let crashed = fixture.world.lock().unwrap().crashed.clone();
            let executor = fixture.executor().observed_by(trace.clone());
            tokio::select! {
                biased;
                ended = executor.run() => {
                    writeln!(trace.0.lock().unwrap(), "{ended:?}").unwrap();
                    if matches!(ended, Ok(Outcome::Done | Outcome::Aborted)) {
                        break;
                    }
                }
                () = crashed.notified() => {}
            }
        }
        let told = trace.0.lock().unwrap();
        format!("{told}{zookeeper:?}{:?}", fixture.store)
    })
}

#[test]
fn the_same_script_gives_the_same_trace() {
    let config =
        ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(script in proptest::collection::vec(any_behaviour(), 0..12))| {
        let (once, again) = (traced(&script), traced(&script));
        prop_assert!(once.lines().count() > PHASES.len());
        prop_assert_eq!(once, again);
    });
}
