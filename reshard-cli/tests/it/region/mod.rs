//! Plans in labs under load: whatever happens to them, nothing that was acknowledged is lost.

mod aborts;
mod crashes;
mod field;
mod pairs;
mod splits;
mod started;
mod unhappy;
