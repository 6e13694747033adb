//! Exchanges that were recorded from the real SAPI and IMGAPI, said again to the emulated ones.
//!
//! The recordings are in `sapi-client/testdata`, with a README about where they come from. What differs is listed, with
//! reasons, in `testdata/golden-http/DIFFERENCES.md`; what is listed there and does not differ is as wrong as what differs
//! and is not listed.

mod compare;
mod curl;
mod differences;
mod exchange;
mod imgapi;
mod sapi;
mod stub;
mod wire;

use std::net::SocketAddr;

use self::compare::Learned;
use self::exchange::Exchange;

const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Says one exchange again. What differs, in a form that `DIFFERENCES.md` has too; nothing when nothing does.
async fn say_again(server: SocketAddr, exchange: &Exchange, learned: &mut Learned) -> String {
    let answer = wire::ask(server, exchange, learned).await;
    compare::differences(exchange, &answer, learned)
}

/// Compares what was found with what is listed.
fn judge(api: &str, found: Vec<(String, String)>) {
    let total = found.len();
    let found: Vec<(String, String)> =
        found.into_iter().filter(|(_, difference)| !difference.is_empty()).collect();
    let listed = differences::listed(api);
    let unlisted: Vec<_> = found.iter().filter(|found| !listed.contains(found)).collect();
    let gone: Vec<_> = listed.iter().filter(|listed| !found.contains(listed)).collect();
    println!("{api}: {} of {total} exchanges are equal", total - found.len());
    assert!(
        unlisted.is_empty() && gone.is_empty(),
        "differ and are not listed: {unlisted:#?}\nlisted and do not differ so: {gone:#?}"
    );
}
