//! Getting a block of addresses for a lab.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use super::error::LabError;
use crate::address::AddressBlock;

/// The time for which a block that is asked for may still be in use. The kernel closes the sockets of a process that was
/// killed only when its last thread has ended, when the process shows no more environment, or shows as a zombie: nobody can
/// wait for that by looking at processes.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);
/// The sockets of IPv4, a line each.
const SOCKETS: &str = "/proc/net/tcp";
/// The state of a socket that accepts connections.
const LISTEN: &str = "0A";

/// The block that is asked for, or the first that is free, with the socket that makes it ours: that of its control. Nothing
/// else listens in it.
pub(super) async fn take(
    wanted: Option<AddressBlock>,
) -> Result<(AddressBlock, TcpListener), LabError> {
    match wanted {
        Some(block) => Ok((block, wait_for(block).await?)),
        None => first_free(0..=u8::MAX).await,
    }
}

async fn first_free(
    blocks: impl Iterator<Item = u8>,
) -> Result<(AddressBlock, TcpListener), LabError> {
    for block in blocks.map(AddressBlock::new) {
        if let Ok(control) = try_take(block).await {
            return Ok((block, control));
        }
    }
    Err(LabError::NoBlock)
}

async fn wait_for(block: AddressBlock) -> Result<TcpListener, LabError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match try_take(block).await {
            Err(LabError::Address { address, .. }) if Instant::now() < deadline => {
                tracing::debug!(%address, "waiting until nobody listens there");
            }
            tried => return tried,
        }
        sleep(PAUSE).await;
    }
}

async fn try_take(block: AddressBlock) -> Result<TcpListener, LabError> {
    let taken = |address| move |source| LabError::Address { address, source };
    let control = TcpListener::bind(block.control()).await.map_err(taken(block.control()))?;
    let sockets = fs::read_to_string(SOCKETS).map_err(LabError::file("read", SOCKETS))?;
    match listeners(&sockets, block).find(|address| *address != block.control()) {
        Some(address) => Err(taken(address)(io::ErrorKind::AddrInUse.into())),
        None => Ok(control),
    }
}

/// The addresses in a block at which somebody listens.
fn listeners(sockets: &str, block: AddressBlock) -> impl Iterator<Item = SocketAddr> {
    let listening = sockets.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next()?;
        (fields.nth(1)? == LISTEN).then(|| parse(local)).flatten()
    });
    listening.filter(move |address| block.has(address.ip()))
}

/// An address as the kernel writes it: the four bytes of the address as one number of this machine, and the port.
fn parse(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
    Some((ip, u16::from_str_radix(port, 16).ok()?).into())
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SOCKETS_OF_TWO_LABS: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n\
        \u{20}  0: 0A034D7F:0885 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n\
        \u{20}  1: 14034D7F:07E4 00000000:0000 06 00000000:00000000 00:00000000 00000000     0\n\
        \u{20}  2: 14034D7F:9C40 0A034D7F:0885 01 00000000:00000000 00:00000000 00000000     0\n\
        \u{20}  3: 0A044D7F:0885 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n\
        \u{20}  4: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn only_sockets_that_listen_in_the_block_are_in_the_way() {
        let of = |block| {
            let found = listeners(SOCKETS_OF_TWO_LABS, AddressBlock::new(block));
            found.map(|address| address.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(of(3), ["127.77.3.10:2181"]);
        assert_eq!(of(4), ["127.77.4.10:2181"]);
        assert!(of(5).is_empty());
    }

    #[tokio::test]
    async fn a_block_in_which_somebody_listens_is_waited_for_or_left_out() {
        // Labs take the first that are free: these are nobody's.
        let [block, next] = [254, 255].map(AddressBlock::new);
        let address = SocketAddr::from((block.sapi().ip(), 9));
        let listener = TcpListener::bind(address).await.unwrap();

        let refused = try_take(block).await.unwrap_err();
        assert!(matches!(refused, LabError::Address { address: at, .. } if at == address));
        assert_eq!(first_free(254..=255).await.unwrap().0, next);

        let mut waiting = tokio::spawn(take(Some(block)));
        assert!(timeout(PAUSE * 3, &mut waiting).await.is_err());
        drop(listener);
        assert_eq!(waiting.await.unwrap().unwrap().0, block);
    }
}
