//! Many requests at once on few connections.

use std::collections::HashSet;
use std::time::Duration;

use moray_client::{Body, Client, ClientOptions, Nulls, Reply, Request, Server};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::raw::{RawPeer, RawServer};

/// A generator of numbers that look random, the same in every run.
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap()
}

async fn receive(peer: &mut RawPeer, count: usize) -> Vec<(moray_client::MessageId, Value)> {
    let mut requests = Vec::new();
    for _ in 0..count {
        let message = peer.receive().await.unwrap();
        let Body::Data(mut args) = message.body else { panic!("a request") };
        requests.push((message.id, args.remove(0)));
    }
    requests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_are_answered_in_any_order_over_two_connections() {
    const EACH: usize = 500;
    let server = RawServer::start().await;
    let client = Client::new(server.address(), ClientOptions::default());
    let mut requests = JoinSet::new();
    for number in 0..2 * EACH {
        let client = client.clone();
        requests.spawn(async move {
            let answer = client.call("m", &[json!(number)], Nulls::Refuse).await.unwrap();
            (number, answer.all().await.unwrap())
        });
    }
    let mut state = 0x9E37_79B9_7F4A_7C15;
    let (mut one, mut two) = (server.accept().await, server.accept().await);
    // The connections take turns, so that each has half.
    for peer in [&mut one, &mut two] {
        let mut open = receive(peer, EACH).await;
        let ids: HashSet<_> = open.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids.len(), EACH);
        // Three parts of each answer, mixed with those of others.
        let mut sent = std::collections::HashMap::new();
        while !open.is_empty() {
            let at = next(&mut state) % open.len();
            let (id, value) = open[at].clone();
            let parts = sent.entry(id).or_insert(0);
            *parts += 1;
            if *parts < 3 {
                peer.send(id, Body::Data(vec![value, json!(*parts)])).await;
            } else {
                peer.send(id, Body::End(vec![])).await;
                open.swap_remove(at);
            }
        }
    }
    let mut answered = HashSet::new();
    for (number, values) in requests.join_all().await {
        assert_eq!(values, [json!(number), json!(1), json!(number), json!(2)]);
        answered.insert(number);
    }
    assert_eq!(answered.len(), 2 * EACH);
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
