//! A shard with rows in `manta`, and a move of its odd vnodes that is armed.

use std::time::Duration;

use super::super::patience::LOCKS;
use super::super::{ArmOptions, FenceOptions, MoveNumber, Session, arm};
use super::fixture::{Shard, keys, moving, put};
use crate::PlanUuid;
use crate::deployment::Database;

/// The move of the odd vnodes.
pub(in crate::guard) const NUMBER: MoveNumber = MoveNumber::new(1);
/// Rows of each kind, of moving vnodes and of others.
pub(in crate::guard) const ROWS: usize = 200;
/// The generation of the shard in its identity.
pub(in crate::guard) const GENERATION: u64 = 7;
/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A shard whose move is armed, with the session that has armed it.
pub(in crate::guard) struct Scene {
    pub(in crate::guard) shard: Shard,
    pub(in crate::guard) session: Session,
    /// A connection of a superuser's, for what a test looks at and changes.
    pub(in crate::guard) admin: Database,
}

impl Scene {
    /// A shard of one server.
    pub(in crate::guard) async fn open() -> Self {
        Self::with_servers(1).await
    }

    /// A shard of so many servers.
    pub(in crate::guard) async fn with_servers(servers: usize) -> Self {
        let scene = Self::unarmed(Shard::start(servers).await).await;
        scene.arm().await
    }

    /// The same with its move armed.
    pub(in crate::guard) async fn arm(mut self) -> Self {
        let options = ArmOptions::default();
        arm(&mut self.session, NUMBER, &moving(), GENERATION, &options).await.unwrap();
        self
    }

    /// The same before the move is armed.
    pub(in crate::guard) async fn unarmed(shard: Shard) -> Self {
        let session = shard.session(PlanUuid::random(), 1).await;
        let admin = shard.connect().await;
        for is_moving in [true, false] {
            let puts: Vec<String> =
                keys(is_moving).take(ROWS).map(|key| put(&key, "first")).collect();
            admin.batch_execute(&puts.join(";")).await.unwrap();
        }
        Self { shard, session, admin }
    }

    /// The session of whoever takes the plan over.
    pub(in crate::guard) async fn successor(&self, epoch: i64) -> Session {
        self.shard.session(self.session.lease().plan, epoch).await
    }

    /// A value that the database answers.
    pub(in crate::guard) async fn value<T: tokio_postgres::types::FromSqlOwned>(
        &self,
        sql: &str,
    ) -> T {
        self.admin.value("look", sql, &[]).await.unwrap()
    }

    /// The state of the move.
    pub(in crate::guard) async fn state(&self) -> String {
        self.value("SELECT state FROM reshard.move WHERE move = 1").await
    }

    /// The number of entries of the log.
    pub(in crate::guard) async fn entries(&self) -> i64 {
        self.value("SELECT count(*) FROM reshard.log").await
    }

    /// Empties the log, as a replay would.
    pub(in crate::guard) async fn drain(&self) {
        let sql = "DELETE FROM reshard.log_0; DELETE FROM reshard.log_1; DELETE FROM reshard.log_2";
        self.admin.batch_execute(sql).await.unwrap();
    }

    /// Waits until a question is answered with true.
    pub(in crate::guard) async fn wait_until(&self, sql: &str) {
        let began = std::time::Instant::now();
        while !self.value::<bool>(sql).await {
            assert!(began.elapsed() < PATIENCE, "{sql}: not within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// SQL that tells whether somebody waits for the lock of a move.
pub(in crate::guard) fn somebody_waits() -> String {
    format!(
        "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = {LOCKS} AND NOT granted)"
    )
}

/// A fence that does not fall during a test.
pub(in crate::guard) fn long_fence() -> FenceOptions {
    FenceOptions { budget: Duration::from_mins(10), ..FenceOptions::default() }
}

/// The code of an error and its message, as Moray gets them.
pub(in crate::guard) fn refusal(error: &tokio_postgres::Error) -> (String, String) {
    let error = error.as_db_error().unwrap();
    (error.code().code().to_owned(), error.message().to_owned())
}
