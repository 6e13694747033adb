//! Watches that servers from before ZooKeeper 3.5 bear.
//!
//! The library asks the server to remove a watch that nobody waits for any more. Servers know that request since 3.5; those
//! before, Triton's among them, close the connection on it. So every watch is waited for in a task of its own, until it fires or
//! the session is over; and every request that leaves a watch is answered in a task of its own, however soon whoever made it
//! gives it up.

use zookeeper::{Client, OneshotWatcher, Stat, WatchedEvent};

use crate::coordination::watch::{Fired, Watch};

/// A node's data, and a watch on them and on its deletion.
pub(super) async fn data(
    client: &Client,
    path: &str,
) -> Result<((Vec<u8>, Stat), Watch), zookeeper::Error> {
    let (client, path) = (client.clone(), path.to_owned());
    answered(async move {
        let (data, stat, watcher) = client.get_and_watch_data(&path).await?;
        Ok(((data, stat), watcher))
    })
    .await
}

/// Tells whether a node is there, and gives a watch on its creation, its data and its deletion.
pub(super) async fn existence(
    client: &Client,
    path: &str,
) -> Result<(Option<Stat>, Watch), zookeeper::Error> {
    let (client, path) = (client.clone(), path.to_owned());
    answered(async move { client.check_and_watch_stat(&path).await }).await
}

/// A node's children, and a watch on their coming and going and on its deletion.
pub(super) async fn children(
    client: &Client,
    path: &str,
) -> Result<(Vec<String>, Watch), zookeeper::Error> {
    let (client, path) = (client.clone(), path.to_owned());
    answered(async move { client.list_and_watch_children(&path).await }).await
}

/// Makes a request that leaves a watch, and waits for its answer. If this is dropped before, the answer is waited for all the
/// same.
async fn answered<T: Send + 'static>(
    request: impl Future<Output = Result<(T, OneshotWatcher), zookeeper::Error>> + Send + 'static,
) -> Result<(T, Watch), zookeeper::Error> {
    let answer = tokio::spawn(async move {
        let (answer, watcher) = request.await?;
        Ok((answer, waited_for(watcher)))
    });
    // Only the end of the whole runtime ends the task before its time.
    answer.await.unwrap_or(Err(zookeeper::Error::ClientClosed))
}

fn waited_for(watcher: OneshotWatcher) -> Watch {
    let (sender, watch) = Watch::new();
    tokio::spawn(async move {
        let event = watcher.changed().await;
        let fired = if is_over(&event) { Fired::SessionOver } else { Fired::Changed };
        if sender.send(fired).is_err() {
            tracing::trace!("a watch fired that nobody waits for any more");
        }
    });
    watch
}

fn is_over(event: &WatchedEvent) -> bool {
    event.event_type == zookeeper::EventType::Session && event.session_state.is_terminated()
}
