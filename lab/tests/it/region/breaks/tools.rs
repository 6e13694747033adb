//! The contents of zones and databases, by ordinary tools.

use lab::Role;
use moray_client::{Client, ClientOptions, GetOptions, PutOptions};
use serde_json::{Value, json};

use super::super::started::{Region, psql};
use super::super::{curl, eventually};

/// By curl alone, and without `PATH`.
pub(super) fn commands_have_their_paths_of_production(region: &Region) {
    let router = region.zone(Role::ElectricMoray, 0).spec;
    let script = format!(
        "#!/bin/bash\nset -o errexit\nPATH=\n/usr/bin/zonename\n\
         /usr/sbin/zlogin {} 'PATH=; /usr/bin/zonename; /usr/sbin/mdata-get sdc:alias; \
         /usr/sbin/svcadm restart -s electric-moray-2022; \
         /usr/bin/svcs -H -o state electric-moray-2022; \
         /usr/bin/svcprop -p electric-moray/status electric-moray-2022; \
         /usr/bin/json -f /opt/smartdc/registrar/etc/config.json adminIp'\n",
        router.uuid
    );
    let url = region.url("cnapi", &format!("/servers/{}/execute", router.server));
    let body = json!({"script": script, "json": true}).to_string();
    let answer = curl(&["-X", "POST", "-H", "content-type: application/json", "-d", &body, &url]);
    let expected =
        format!("global\n{}\n{}\nonline\n4022\n{}\n", router.uuid, router.alias, router.address);
    assert_eq!(answer, json!({"exitCode": 0, "stdout": expected, "stderr": ""}));
}

pub(super) async fn tables_are_as_moray_makes_them(region: &Region) {
    let mut objects = 0;
    for shard in [1, 2] {
        let tables = "select count(*) from unnest(array['manta', 'manta_directory_counts', 'manta_uploads', \
                      'buckets_config']) as name where to_regclass(name) is not null";
        assert_eq!(region.psql(shard, tables).await, "4");
        let buckets = "select name from buckets_config where name = 'manta'";
        assert_eq!(region.psql(shard, buckets).await, "manta");
        let index = "select indexdef from pg_indexes where indexname = 'manta__vnode_idx'";
        let index = region.psql(shard, index).await;
        assert!(index.contains("USING btree (_vnode)"), "{index}");
        let trigger = "select count(*) from pg_trigger where tgrelid = 'manta'::regclass and not tgisinternal";
        assert_ne!(region.psql(shard, trigger).await, "0");
        let rows = "select count(*) from manta";
        objects += region.psql(shard, rows).await.parse::<u64>().unwrap();
        // The trigger counts what is in each directory, however it got there.
        let wrong = "select count(*) from manta_directory_counts as counted \
                     left join (select dirname, count(*) as entries from manta group by dirname) as there \
                     on there.dirname = counted._key \
                     where counted.entries is distinct from coalesce(there.entries, 0)";
        assert_eq!(region.psql(shard, wrong).await, "0");
    }
    assert_eq!(objects, region.lab.layout().options.objects);
}

fn router(region: &Region) -> Client {
    let address = region.zone(Role::ElectricMoray, 0).spec.address;
    Client::new(format!("{address}:2020"), ClientOptions::default())
}

pub(super) async fn mlocate_tells_where_the_router_puts_an_object(region: &Region) {
    let webapi = region.zone(Role::Webapi, 0).spec.uuid;
    let poseidon = region.lab.layout().poseidon;
    for name in ["one", "two", "three"] {
        let path = format!("/poseidon/stor/located/{name}");
        let script = format!("mmkdir -p {path} && echo here | mput {path}/object");
        region.output(webapi, &script).await;
        let mlocate = "/opt/smartdc/muskie/bin/mlocate -f /opt/smartdc/muskie/etc/config.json";
        let located = region.output(webapi, &format!("{mlocate} {path}/object")).await;
        let located: Value = serde_json::from_str(&located).unwrap();
        let key = format!("/{poseidon}/stor/located/{name}/object");
        assert_eq!(located["_key"], json!(key));
        let got = router(region).get_object("manta", &key, &GetOptions::default()).await.unwrap();
        let node = got.node.unwrap();
        assert_eq!(located["_node"]["vnode"], json!(node.vnode));
        assert_eq!(located["_node"]["pnode"], json!(node.pnode));
        let shard = if node.pnode.contains("//1.moray") { 1 } else { 2 };
        let row = format!("select _vnode from manta where _key = '{key}'");
        assert_eq!(region.psql(shard, &row).await, node.vnode.to_string());
        assert_eq!(region.psql(3 - shard, &row).await, "");
        region.output(webapi, &format!("mrm {path}/object")).await;
        assert_eq!(region.psql(shard, &row).await, "");
        let gone = region.script(webapi, &format!("{mlocate} {path}/object")).await;
        assert_ne!(gone.exit_code, 0, "{gone:?}");
    }
}

/// As a new primary does until its sync has caught up. Whoever writes is told that nothing was done.
pub(super) async fn a_read_only_database_refuses(region: &Region) {
    let client = router(region);
    let owner = "b6f1d7c4-3d3c-4b7e-9a4e-1f2d3c4b5a69";
    let key = format!("/{owner}/stor/refused/object");
    let dirname = format!("/{owner}/stor/refused");
    let value = json!({
        "key": key, "dirname": dirname, "name": "object", "owner": owner, "type": "object",
        "objectId": "1",
    });
    let put = async || client.put_object("manta", &key, &value, &PutOptions::default()).await;
    for zone in region.lab.layout().zones_of(Role::Postgres) {
        let address = zone.address.to_string();
        psql(&address, "alter system set default_transaction_read_only = on");
        psql(&address, "select pg_reload_conf()");
    }
    eventually("writes are refused", async || {
        put().await.is_err_and(|error| {
            // Moray passes PostgreSQL's words on, and not its code.
            error
                .server_error()
                .is_some_and(|error| error.message.contains("in a read-only transaction"))
        })
    })
    .await;
    for zone in region.lab.layout().zones_of(Role::Postgres) {
        let address = zone.address.to_string();
        psql(&address, "alter system reset default_transaction_read_only");
        psql(&address, "select pg_reload_conf()");
    }
    eventually("writes are taken", async || put().await.is_ok()).await;
}
