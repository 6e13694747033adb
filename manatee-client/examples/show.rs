//! Shows a shard as `manatee-adm show -v` does.
//!
//!     cargo run -p triton-manatee --example show -- ZOOKEEPER SHARD

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod common;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use manatee_client::{ClusterView, Columns, Session, SessionOptions, Shard};

#[tokio::main]
async fn main() -> ExitCode {
    common::finish(show().await)
}

async fn show() -> Result<(), Box<dyn Error>> {
    let usage = "show ZOOKEEPER SHARD, e.g. show 10.99.4.2:2181 9.moray.lab.example.net";
    let [servers, shard] = common::arguments(usage)?;
    let session = Session::connect(&servers.parse()?, &SessionOptions::default()).await?;
    let shard = Shard::new(session, shard.parse()?);
    let view = ClusterView::load(&shard, Duration::from_secs(1)).await?;
    print!("{}", view.show(&servers, &Columns::pg_status(), true));
    Ok(())
}
