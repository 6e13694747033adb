//! The adapters that open sockets.

mod database;
mod monitor;
mod moray;
mod postgres;
mod routers;
mod transactions;

pub use self::database::{Database, DatabaseError};
pub(crate) use self::database::{Server, is_of_the_moment};
pub use self::monitor::MonitorError;
pub(crate) use self::monitor::get_json;
pub use self::moray::MorayObjects;
pub use self::postgres::PostgresDatabases;
pub use self::routers::HttpRouters;
