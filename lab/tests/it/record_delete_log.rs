//! The trigger of the bucket `manta` as a real Moray runs it: a function made of its source, by Node.js.

use std::env;
use std::process::Command;

/// Makes the function as Moray does, and prints what it asks PostgreSQL of each request before it calls back.
const RUN: &str = r"
    var EventEmitter = require('events').EventEmitter;
    var trigger; eval('trigger = ' + process.argv[1]);
    var previous = {objectId: 'a', s: '\u00e9'};
    [{headers: {}}, {},
     {headers: {'x-muskie-prev-metadata': previous}, value: {objectId: 'a'}},
     {headers: {'x-muskie-prev-metadata': previous}, value: {objectId: 'b'}},
     {headers: {'x-muskie-prev-metadata': previous, 'x-muskie-snaplinks-disabled': true}}
    ].forEach(function (req, number) {
        var asked = 'nothing';
        req.pg = {query: function (sql, values) {
            asked = sql.split(' ')[2] + ' ' + values[1] + ' ' + values[2];
            var query = new EventEmitter();
            setImmediate(function () { query.emit('end'); });
            return query;
        }};
        trigger(req, function (error) { console.log(number, error || asked); });
    });";

#[test]
fn the_trigger_is_javascript_that_calls_back() {
    assert!(env::var_os("NODE_FAST").is_some() || env::var_os("CI").is_none(), "no Node.js");
    if env::var_os("NODE_FAST").is_none() {
        println!("skipped: NODE_FAST is not set (docs/testing.md)");
        return;
    }
    let source = include_str!("../../src/moray/record_delete_log.js");
    let output = Command::new("node").args(["-e", RUN, source]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let value = r#"{"objectId":"a","s":"é"}"#;
    let expected = format!(
        "0 nothing\n1 nothing\n2 nothing\n3 manta_delete_log {value} ETAG\n4 manta_fastdelete_queue {value} ETAG\n"
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected.replace("ETAG", "CDFEADAF"));
}
