//! Answering requests: by what the routing says, with what the shards say.

use std::sync::Arc;

use fash::Pnode;
use moray_client::{Handler, Reply, Request, Responses, ServerError};
use serde_json::Value;
use tokio::task::JoinSet;

use super::error;
use super::routing::{Answer, Plan, Router};
use super::shards::Shards;

/// The handler that answers the requests of clients.
#[derive(Debug)]
pub(super) struct Forwarder {
    pub(super) router: Arc<Router>,
    pub(super) shards: Arc<Shards>,
}

impl Handler for Forwarder {
    async fn handle(&self, request: Request, reply: Reply) -> Result<(), ServerError> {
        let Request { method, args, .. } = request;
        match self.router.plan(&method, args)? {
            Plan::Say(value) => send(&reply, value).await,
            Plan::Pass { pnode, args, node, answer } => {
                let mut responses = self.shards.call(&pnode, &method, &args).await?;
                while let Some(mut value) = next(&mut responses).await? {
                    match answer {
                        Answer::End => continue,
                        Answer::Objects => strip_vnode(&mut value),
                        Answer::Values => {}
                    }
                    if let (Some(node), Some(members)) = (&node, value.as_object_mut()) {
                        members.insert("_node".to_owned(), node.clone());
                    }
                    send(&reply, value).await?;
                }
                Ok(())
            }
            Plan::PassToAll { args } => self.pass_to_all(&method, args, &reply).await,
        }
    }
}

impl Forwarder {
    /// Values come in whatever order the shards give them; errors come after all shards are done.
    async fn pass_to_all(
        &self,
        method: &str,
        args: Vec<Value>,
        reply: &Reply,
    ) -> Result<(), ServerError> {
        let args: Arc<[Value]> = args.into();
        let mut shards = JoinSet::new();
        for pnode in self.router.pnodes() {
            let (pnode, shards_of, method) =
                (pnode.clone(), Arc::clone(&self.shards), method.to_owned());
            let (args, reply) = (Arc::clone(&args), reply.clone());
            shards
                .spawn(async move { pass_rows(&shards_of, &pnode, &method, &args, &reply).await });
        }
        let mut errors = Vec::new();
        while let Some(result) = shards.join_next().await {
            match result {
                Ok(Ok(())) => {}
                Ok(Err(error)) => errors.push(error),
                Err(failure) => errors.push(error::plain(failure.to_string())),
            }
        }
        error::all(&errors).map_or(Ok(()), Err)
    }
}

async fn pass_rows(
    shards: &Shards,
    pnode: &Pnode,
    method: &str,
    args: &[Value],
    reply: &Reply,
) -> Result<(), ServerError> {
    let mut responses = shards.call(pnode, method, args).await?;
    while let Some(value) = next(&mut responses).await? {
        send(reply, value).await?;
    }
    Ok(())
}

async fn next(responses: &mut Responses) -> Result<Option<Value>, ServerError> {
    responses.next().await.map_err(error::of_shard)
}

async fn send(reply: &Reply, value: Value) -> Result<(), ServerError> {
    // Nobody hears the error.
    reply.send(value).await.map_err(|gone| error::plain(gone.to_string()))
}

/// The vnode in an object's value is the router's business.
fn strip_vnode(object: &mut Value) {
    if let Some(value) = object.get_mut("value").and_then(Value::as_object_mut) {
        value.shift_remove("vnode");
    }
}
