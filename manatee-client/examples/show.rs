//! Shows a shard as `manatee-adm show -v` does: `show ZOOKEEPER SHARD`.

#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use std::error::Error;
use std::time::Duration;

use manatee_client::{ClusterView, Columns, Session, SessionOptions, Shard};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(shard)) = (arguments.next(), arguments.next()) else {
        return Err(
            "usage: show ZOOKEEPER SHARD, e.g. show 10.99.4.2:2181 9.moray.lab.example.net".into(),
        );
    };
    let session = Session::connect(&servers.parse()?, &SessionOptions::default()).await?;
    let shard = Shard::new(session, shard.parse()?);
    let view = ClusterView::load(&shard, Duration::from_secs(1)).await?;
    print!("{}", view.show(&servers, &Columns::pg_status(), true));
    Ok(())
}
