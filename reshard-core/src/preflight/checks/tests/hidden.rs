//! Findings that belong to another check, to an API, or to several processes at once.

use super::super::super::unseen::Api;
use super::*;

/// SAPI's silence.
fn silent_sapi() -> Unseen {
    let (name, url) = ("SAPI".to_owned(), "http://10.0.0.1".to_owned());
    Unseen::silent(Api { name, url }, 45)
}

#[test]
fn a_ring_that_imgapi_does_not_have_is_the_rings_own_finding() {
    let image = uuid::Uuid::from_u128(7).into();
    let imgapi = "http://10.0.0.2".to_owned();
    let missing = why(crate::inventory::InventoryError::NoRingImage { image, imgapi });
    let manta: sapi_client::sapi::Application = serde_json::from_value(json!({
        "uuid": "f1767a23-0188-4861-97e2-bbdd8f561d54",
        "metadata": {"INDEX_MORAY_SHARDS": [{"host": SOURCE, "last": true}]},
    }))
    .unwrap();
    let evidence = Evidence {
        ring: Err(missing.told_by(RING)),
        manta: Ok(manta.into()),
        ..with_router(|_| ())
    };
    let subject = subject();
    let checks = [ring::readable, routers::serve_the_ring, shard_list::listed];
    let checks = checks.iter().map(|check| check(&evidence, &subject)).collect();
    let report = Report::new(jiff::Timestamp::UNIX_EPOCH, subject.source.clone(), checks);
    let told: Vec<(&str, Verdict, &str)> =
        report.checks.iter().map(|it| (it.name.as_str(), it.verdict, it.found.as_str())).collect();
    let found = "the ring that SAPI names cannot be read: HASH_RING_IMAGE in SAPI names the image \
                 00000000-0000-0000-0000-000000000007, which IMGAPI at http://10.0.0.2 does not have";
    assert_eq!(
        told,
        [
            ("ring", Verdict::Failed, found),
            ("routers-ring", Verdict::Skipped, "not made: see `ring`"),
            ("shard-listed", Verdict::Skipped, "not made: see `ring`"),
        ]
    );
}

#[test]
fn what_a_silent_api_hides_is_neither_well_nor_another_finding() {
    let subject = subject();
    let found = |evidence: &Evidence, checks: &[CheckFn]| {
        let checks = checks.iter().map(|check| check(evidence, &subject)).collect();
        let report = Report::new(jiff::Timestamp::UNIX_EPOCH, subject.source.clone(), checks);
        let found = report.checks.iter().map(|check| (check.verdict, check.found.clone()));
        found.collect::<Vec<_>>()
    };
    // Without SAPI there are no zones.
    let evidence = Evidence {
        zones: Err(silent_sapi()),
        routers: Err(silent_sapi()),
        servers: Ok(Vec::new()),
        database_bytes: Ok(1),
        ..blind()
    };
    let skipped = || (Verdict::Skipped, "not made: it needs SAPI (see `answers`)".to_owned());
    let told = found(&evidence, &[servers::disk, servers::clocks]);
    assert!(told[0].1.ends_with("2 checks need it: disk, clocks"), "{told:?}");
    assert_eq!(told[1..], [skipped(), skipped()]);
    // With zones that an API hides, no check of what is in them is well.
    let mut hidden = routers(|_| ());
    hidden[0].probe = Err(silent_sapi());
    let zones = Ok(zones(Vec::new()));
    let evidence =
        Evidence { zones, routers: Ok(hidden), ring: Ok(inventory(2, 64).ring), ..blind() };
    let checks: [CheckFn; 4] =
        [routers::serve_the_ring, routers::config_agents, routers::locks, servers::clocks];
    assert_eq!(found(&evidence, &checks)[1..], [skipped(), skipped(), skipped(), skipped()]);
}

#[test]
fn processes_with_the_same_list_of_shards_are_one_finding() {
    let manta: sapi_client::sapi::Application = serde_json::from_value(json!({
        "uuid": "f1767a23-0188-4861-97e2-bbdd8f561d54",
        "metadata": {"INDEX_MORAY_SHARDS": [
            {"host": SOURCE}, {"host": "3.moray.lab.example.net", "last": true},
        ]},
    }))
    .unwrap();
    let with = |change: &dyn Fn(&mut InstanceProbe)| {
        let routers = Ok(routers(|seen| change(seen)));
        let evidence = Evidence { manta: Ok(manta.clone().into()), routers, ..blind() };
        routers::know_the_shards(&evidence, &subject()).found
    };
    let knows = |seen: &mut InstanceProbe, host: &str| {
        let shards = &mut seen.status.as_mut().unwrap().index_shards;
        shards.push(StatusShard { host: host.to_owned(), read_only: false });
    };
    let (three, four) = ("3.moray.lab.example.net", "4.moray.lab.example.net");
    assert_eq!(
        with(&|_| ()),
        format!(
            "electric-moray-2021 in em-1, electric-moray-2022 in em-1, electric-moray-2023 in em-1 do not know {three}"
        )
    );
    assert_eq!(
        with(&|seen| {
            knows(seen, three);
            knows(seen, four);
        }),
        format!(
            "electric-moray-2021 in em-1, electric-moray-2023 in em-1 do not know {three}; \
             electric-moray-2022 in em-1 knows {four}, which SAPI does not list"
        )
    );
}
