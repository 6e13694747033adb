//! A ring of production's size.

use std::time::{Duration, Instant};

use lab::checker::CheckOptions;
use lab::load::{Load, LoadOptions};
use lab::{Lab, Options, Role};

use super::run;
use super::started::psql;

const SHARDS: u32 = 4;
const OBJECTS: u64 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn four_shards_and_a_million_vnodes() {
    let begin = Instant::now();
    let options = Options {
        shards: SHARDS,
        peers: 1,
        routers: 1,
        router_instances: 2,
        vnodes: 1_000_000,
        objects: OBJECTS,
        ..Options::default()
    };
    let builder = Lab::builder().program(env!("CARGO_BIN_EXE_reshard-lab")).options(options);
    let lab = builder.start().await.unwrap();
    println!("started after {:.1?}", begin.elapsed());
    let rows = lab.layout().zones_of(Role::Postgres).map(|zone| {
        let count = psql(&zone.address.to_string(), "select count(*) from manta");
        count.parse::<u64>().unwrap()
    });
    let rows: Vec<u64> = rows.collect();
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|rows| *rows > OBJECTS / 5), "{rows:?}");
    let router = lab.layout().zones_of(Role::ElectricMoray).next().unwrap().address;
    let status = run("curl", &["-sS", &format!("http://{router}:4021/status")]);
    assert_eq!(status.matches("moray.lab.example.net:2020").count(), 4, "{status}");

    let log = tempfile::tempdir().unwrap();
    let log = log.path().join("load.log");
    let load = Load::start(LoadOptions::new(lab.routers(), log.clone())).unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while load.stats().writes.acknowledged < 200 {
        assert!(Instant::now() < deadline, "{}", load.stats());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    load.stop().await.unwrap();
    let checking = Instant::now();
    let report = lab::prove(lab.layout(), lab.directory(), [&log], &CheckOptions::default()).await;
    let report = report.unwrap();
    println!("checked in {:.1?}", checking.elapsed());
    assert!(report.is_green(), "{report}");
    assert!(report.checked.objects > OBJECTS * 9 / 10, "{report}");
    let stopping = Instant::now();
    lab.stop().await;
    println!("stopped in {:.1?}; all took {:.1?}", stopping.elapsed(), begin.elapsed());
}
