//! Many requests at once on few connections.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use moray_client::{Body, Client, ClientOptions, Nulls, Reply, Request, Server};
use serde_json::json;
use tokio::task::JoinSet;

use crate::raw::RawServer;

/// A generator of numbers that look random, the same in every run.
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_are_answered_in_any_order_over_two_connections() {
    const COUNT: usize = 1000;
    let server = RawServer::start().await;
    let client = Client::new(server.address(), ClientOptions::default());
    let mut requests = JoinSet::new();
    for number in 0..COUNT {
        let client = client.clone();
        requests.spawn(async move {
            let answer = client.call("m", &[json!(number)], Nulls::Refuse).await.unwrap();
            (number, answer.all().await.unwrap())
        });
    }
    let mut peers = [server.accept().await, server.accept().await];
    // All of them are under way before any is answered.
    let mut open = Vec::new();
    while open.len() < COUNT {
        let [one, two] = &mut peers;
        let (peer, message) = tokio::select! {
            message = one.receive() => (0, message.unwrap()),
            message = two.receive() => (1, message.unwrap()),
        };
        let Body::Data(mut args) = message.body else { panic!("a request") };
        open.push((peer, message.id, args.remove(0)));
    }
    assert_eq!(open.iter().map(|(peer, id, _)| (*peer, *id)).collect::<HashSet<_>>().len(), COUNT);
    assert!((0..2).all(|peer| open.iter().any(|(of, ..)| *of == peer)), "both are used");

    // Three parts of each answer, mixed with those of others.
    let mut state = 0x9E37_79B9_7F4A_7C15;
    let mut sent = HashMap::new();
    while !open.is_empty() {
        let at = next(&mut state) % open.len();
        let (peer, id, value) = open[at].clone();
        let parts = sent.entry((peer, id)).or_insert(0);
        *parts += 1;
        if *parts < 3 {
            peers[peer].send(id, Body::Data(vec![value, json!(*parts)])).await;
        } else {
            peers[peer].send(id, Body::End(vec![])).await;
            open.swap_remove(at);
        }
    }
    let mut answered = HashSet::new();
    for (number, values) in requests.join_all().await {
        assert_eq!(values, [json!(number), json!(1), json!(number), json!(2)]);
        answered.insert(number);
    }
    assert_eq!(answered.len(), COUNT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_of_many_values_do_not_mix() {
    let server = Server::start("127.0.0.1:0", async |request: Request, reply: Reply| {
        let count = request.args[0].as_u64().unwrap();
        for number in 0..count {
            if reply.send(json!([count, number])).await.is_err() {
                break;
            }
        }
        Ok(())
    });
    let server = server.await.unwrap();
    let options = ClientOptions { request_timeout: Duration::from_mins(1), ..Default::default() };
    let client = Client::new(server.address().to_string(), options);
    let mut requests = JoinSet::new();
    for count in 0..300_u64 {
        let client = client.clone();
        requests.spawn(async move {
            let mut answer = client.call("m", &[json!(count)], Nulls::Refuse).await.unwrap();
            for number in 0..count {
                assert_eq!(answer.next().await.unwrap(), Some(json!([count, number])));
            }
            assert_eq!(answer.next().await.unwrap(), None);
        });
    }
    requests.join_all().await;
}
