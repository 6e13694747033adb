//! The servers of a region, and what is asked of them: each kind of question is a trait, which live adapters answer over sockets
//! and a simulated region answers out of memory.

mod live;
mod ports;
mod router_status;
mod transactions;
mod transport;

pub use self::live::{
    Database, DatabaseError, HttpRouters, MonitorError, MorayObjects, PostgresDatabases,
};
pub(crate) use self::live::{Server, get_json, is_of_the_moment};
pub use self::ports::{Databases, Moray, Objects, Routers, Transactions};
pub use self::router_status::{RouterStatus, StatusShard};
pub use self::transactions::{Holder, OpenTransaction};
pub(crate) use self::transactions::{how_to_end, how_to_end_at, listed};
pub use self::transport::{AnyBody, AnyTransport};
