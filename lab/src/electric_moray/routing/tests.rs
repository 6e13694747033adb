use fash::{Algorithm, VnodeData};

use super::*;

const ONE: &str = "tcp://1.moray.lab.example.net:2020";
const TWO: &str = "tcp://2.moray.lab.example.net:2020";

fn ring() -> Ring {
    let pnodes = [ONE, TWO].map(|name| name.parse().unwrap());
    Ring::create(Algorithm::Sha256, 100, pnodes).unwrap()
}

fn shards(read_only: &[bool]) -> Vec<IndexShard> {
    let shard = |(number, &read_only): (usize, &bool)| IndexShard {
        host: format!("{}.moray.lab.example.net", number + 1),
        read_only,
    };
    read_only.iter().enumerate().map(shard).collect()
}

fn router() -> Router {
    Router::new(ring(), shards(&[false, false]))
}

fn refusal(router: &Router, method: &str, args: &Value) -> String {
    router.plan(method, args.as_array().unwrap().clone()).unwrap_err().to_string()
}

fn put(key: &str) -> Value {
    json!(["manta", key, {"name": "a"}, {}])
}

fn pnode_of(plan: &Plan) -> &str {
    match plan {
        Plan::Pass { pnode, .. } => pnode.as_str(),
        Plan::PassToAll { .. } | Plan::Say(_) => panic!("{plan:?}"),
    }
}

/// A directory whose objects belong to a shard, and its vnode.
fn directory_on(shard: &str) -> (String, fash::Vnode) {
    let ring = ring();
    let name = |number: u32| format!("/u/stor/{number}");
    let found = (0..1000)
        .map(name)
        .find(|key| ring.lookup(key.as_bytes()).unwrap().pnode.as_str() == shard);
    let directory = found.unwrap();
    let vnode = ring.vnode_of(directory.as_bytes()).unwrap();
    (directory, vnode)
}

#[test]
fn a_put_goes_to_the_owner_with_its_vnode() {
    let (directory, vnode) = directory_on(TWO);
    let mut args = put(&format!("{directory}/a")).as_array().unwrap().clone();
    args[3] = json!({"_value": "{}", "headers": {}});
    let Plan::Pass { pnode, args, node, answer } = router().plan("putObject", args).unwrap() else {
        panic!("it goes to one shard")
    };
    assert_eq!(pnode.as_str(), TWO);
    assert_eq!(args[2], json!({"name": "a", "vnode": vnode.number()}));
    assert_eq!(args[3], json!({"headers": {}}));
    assert_eq!(node, Some(json!({"pnode": TWO, "vnode": vnode.number(), "data": 1})));
    assert_eq!(answer, Answer::Values);
}

#[test]
fn read_only_vnodes_are_read_and_not_written() {
    let (directory, vnode) = directory_on(ONE);
    let mut ring = ring();
    ring.set_data(&[vnode], VnodeData::read_only()).unwrap();
    let router = Router::new(ring, shards(&[false, false]));
    let key = format!("{directory}/a");
    let words = "ReadOnlyError: some vnodes are in read-only mode";
    assert_eq!(refusal(&router, "putObject", &put(&key)), words);
    assert_eq!(refusal(&router, "delObject", &json!(["manta", key, {}])), words);
    let batch = json!([[{"bucket": "manta", "key": key, "value": {}}], {}]);
    assert_eq!(refusal(&router, "batch", &batch), words);
    assert_eq!(refusal(&router, "createBucket", &json!(["b", {}, {}])), words);
    assert_eq!(refusal(&router, "sql", &json!(["SELECT 1", [], {}])), words);
    let overriding = vec![json!("SELECT 1"), json!([]), json!({"readOnlyOverride": true})];
    assert!(matches!(router.plan("sql", overriding), Ok(Plan::PassToAll { .. })));
    let read = router.plan("getObject", vec![json!("manta"), json!(key), json!({})]).unwrap();
    assert!(matches!(&read, Plan::Pass { node: Some(node), .. } if node["data"] == "ro"));
    // Another directory's vnode takes writes.
    let (other, _) = directory_on(TWO);
    router.plan("putObject", put(&format!("{other}/a")).as_array().unwrap().clone()).unwrap();
}

#[test]
fn shards_that_are_read_only_or_not_listed_are_not_written() {
    let (directory, _) = directory_on(TWO);
    let key = format!("{directory}/a");
    for listed in [&[false, true][..], &[false]] {
        let router = Router::new(ring(), shards(listed));
        let words = format!("ReadOnlyError: pnode \"{TWO}\" is in read-only mode");
        assert_eq!(refusal(&router, "putObject", &put(&key)), words);
        let overriding = json!(["SELECT 1", [], {"readOnlyOverride": true}]);
        assert_eq!(refusal(&router, "sql", &overriding), words);
        assert_eq!(refusal(&router, "delBucket", &json!(["b", {}])), words);
        router.plan("getObject", vec![json!("manta"), json!(key), json!({})]).unwrap();
    }
    let router = Router::new(ring(), Vec::new());
    let words = format!("ReadOnlyError: pnode \"{ONE}, {TWO}\" is in read-only mode");
    assert_eq!(refusal(&router, "createBucket", &json!(["b", {}, {}])), words);
}

#[test]
fn arguments_come_before_all_else() {
    let router = Router::new(ring(), Vec::new());
    let words = "InvocationError: putObject expects 4 arguments";
    assert_eq!(refusal(&router, "putObject", &json!(["manta"])), words);
    assert_eq!(
        refusal(&router, "ping", &json!([{}])),
        "FastError: unsupported RPC method: \"ping\""
    );
    for args in [json!(["b", "(a=b)", {}]), json!(["b", "(a=b)"])] {
        let method = if args.as_array().unwrap().len() == 3 { "deleteMany" } else { "findObjects" };
        let expected = if method == "deleteMany" {
            "Error: Operation not supported"
        } else {
            "InvocationError: findObjects expects 3 arguments"
        };
        assert_eq!(refusal(&router, method, &args), expected);
    }
}

#[test]
fn batches_have_one_place() {
    let batch = |requests: Value| refusal(&router(), "batch", &json!([requests, {}]));
    let empty = "InvocationError: batch expects \"requests\" (args[0]) to be an array with at least one request but \
                 received an empty array";
    assert_eq!(batch(json!([])), empty);
    assert_eq!(batch(json!({})), empty);
    let update = json!([{"operation": "update", "bucket": "b"}]);
    assert_eq!(batch(update), "Error: \"update\" is not an allowed batch operation");
    assert_eq!(batch(json!([{"bucket": "b"}])), "Error: all batch requests must have a \"key\"");
    assert_eq!(batch(json!([{"key": "k"}])), "Error: all batch requests must have a \"bucket\"");
    let two = json!([{"bucket": "b", "key": "k"}, {"bucket": "b", "key": "l"}]);
    assert_eq!(batch(two), "Error: all requests must transform to the same key");
    // An upload and the object that it becomes.
    let same = json!([{"bucket": "manta", "key": "/u/stor/a/b"}, {"bucket": "manta_uploads", "key": "x:/u/stor/a/b"}]);
    let plan = router().plan("batch", vec![same.clone(), json!({})]).unwrap();
    assert!(matches!(&plan, Plan::Pass { args, node: None, .. } if args[0] == same));
}

#[test]
fn a_search_needs_a_place() {
    let find =
        |options: Value| router().plan("findObjects", vec![json!("b"), json!("(a=b)"), options]);
    let words = "Error: Invalid search request, requires either token or hashkey";
    assert_eq!(find(json!({})).unwrap_err().to_string(), words);
    assert_eq!(find(json!({"token": "x"})).unwrap_err().to_string(), "Error: Invalid Token x");
    assert_eq!(pnode_of(&find(json!({"token": TWO})).unwrap()), TWO);
    let (directory, _) = directory_on(TWO);
    assert_eq!(pnode_of(&find(json!({"hashkey": directory})).unwrap()), TWO);
    assert_eq!(router().plan("getTokens", vec![json!({})]), Ok(Plan::Say(json!([ONE, TWO]))));
}
