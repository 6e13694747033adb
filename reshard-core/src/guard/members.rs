//! The rows that belong to a move.

use super::error::GuardError;
use super::moves::MoveNumber;
use crate::VnodeSet;
use crate::deployment::{Database, DatabaseError};
use crate::keys::KeyHash;

/// The vnodes of a move, and with them its rows: those with such a `_vnode`, and those without `_vnode` whose keys hash to one
/// (rule R17).
#[derive(Debug)]
pub(super) struct Members {
    number: MoveNumber,
    hash: KeyHash,
    vnodes: VnodeSet,
    /// A bit for each vnode of the ring, the first one the lowest of the first byte, as PostgreSQL's `get_bit` reads them.
    bits: Vec<u8>,
}

impl Members {
    /// Reads the vnodes of a move from one of its databases.
    pub(super) async fn read(
        database: &Database,
        number: MoveNumber,
        hash: &KeyHash,
    ) -> Result<Self, GuardError> {
        check_hash(database, hash).await?;
        let doing = "read the vnodes of the move";
        let sql = "SELECT moving.vnode FROM reshard.moving WHERE moving.move = $1";
        let rows = database.query(sql, &[&number.number()]).await;
        let rows = rows.map_err(|source| database.error(doing, source))?;
        let vnodes = rows.iter().map(|row| database.cell::<i64>(doing, row, 0));
        let numbers = vnodes.collect::<Result<Vec<_>, DatabaseError>>()?;
        // A number that no vnode has is nobody's row, either.
        let numbers = numbers.into_iter().filter_map(|vnode| u32::try_from(vnode).ok());
        Ok(Self::new(number, hash.clone(), numbers.map(fash::Vnode::new).collect()))
    }

    fn new(number: MoveNumber, hash: KeyHash, vnodes: VnodeSet) -> Self {
        let count = usize::try_from(hash.vnode_count()).unwrap_or(usize::MAX);
        let mut bits = vec![0_u8; count.div_ceil(8)];
        for vnode in vnodes.iter() {
            let index = usize::try_from(vnode.number()).unwrap_or(usize::MAX);
            if let Some(byte) = bits.get_mut(index / 8) {
                *byte |= 1 << (index % 8);
            }
        }
        Self { number, hash, vnodes, bits }
    }

    /// Refuses two databases that do not mean the same rows.
    pub(super) fn compare(
        &self,
        source: &Database,
        other: &Self,
        target: &Database,
    ) -> Result<(), GuardError> {
        if self.vnodes == other.vnodes {
            return Ok(());
        }
        Err(GuardError::OtherVnodes {
            number: self.number,
            source_host: source.endpoint().host.clone(),
            target_host: target.endpoint().host.clone(),
        })
    }

    /// The move.
    pub(super) fn number(&self) -> MoveNumber {
        self.number
    }

    /// Tells whether a row belongs to the move.
    pub(super) fn own(&self, bucket: &str, key: &str, vnode: Option<i64>) -> bool {
        // A key beyond the last vnode is found by no router, whatever the ring: it stays where it is.
        let vnode = self.hash.vnode_of_row(bucket, key, vnode);
        vnode.is_ok_and(|vnode| self.vnodes.contains(vnode))
    }

    /// The parameter that [`Members::condition`] wants.
    pub(super) fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// The condition for rows with a `_vnode` of the move, where `$parameter` is [`Members::bits`]; false where it is NULL.
    pub(super) fn condition(&self, parameter: usize) -> String {
        // CASE, so that no bit beyond the last one is asked for.
        let vnodes = self.hash.vnode_count();
        format!(
            "(CASE WHEN _vnode >= 0 AND _vnode < {vnodes} \
             THEN pg_catalog.get_bit(${parameter}::bytea, _vnode::integer) = 1 ELSE false END)"
        )
    }
}

/// Refuses to hash keys otherwise than the guard does.
async fn check_hash(database: &Database, hash: &KeyHash) -> Result<(), GuardError> {
    let sql = "SELECT guard.algorithm = $1 AND guard.hash_interval = reshard.number($2) \
               AND guard.vnode_count = $3 FROM reshard.guard";
    let interval = hash.interval();
    let algorithm = interval.algorithm().to_string().to_lowercase();
    let (digits, vnodes) = (interval.to_string(), i64::from(hash.vnode_count()));
    let doing = "read how keys are hashed";
    if database.value(doing, sql, &[&algorithm, &digits, &vnodes]).await? {
        return Ok(());
    }
    Err(GuardError::OtherHash { host: database.endpoint().host.clone() })
}

#[cfg(test)]
mod tests {
    use fash::{Algorithm, Interval, Vnode};

    use super::*;

    #[test]
    fn r17_a_row_is_the_moves_by_its_vnode_or_else_by_its_key() {
        let hash = KeyHash::new(Interval::new(Algorithm::Sha256, 64), 64);
        let of_key = hash.vnode_of_key("manta", "/a/stor/b").unwrap();
        let other = Vnode::new((of_key.number() + 1) % 64);
        let members =
            |vnode| Members::new(MoveNumber::new(1), hash.clone(), [vnode].into_iter().collect());
        let row = |members: &Members, vnode| members.own("manta", "/a/stor/b", vnode);
        assert!(row(&members(of_key), None) && !row(&members(other), None));
        assert!(row(&members(other), Some(i64::from(other.number()))));
        assert!(!row(&members(of_key), Some(i64::from(other.number()))));
        for wrong in [-1, 64, i64::MAX] {
            assert!(!row(&members(of_key), Some(wrong)));
        }
    }
}
