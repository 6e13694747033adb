//! The width of a vnode's share of the hash range, and dividing by it: [`Interval`].

use std::fmt;

use crate::algorithm::Algorithm;
use crate::id::Vnode;
use crate::uint256::Uint256;

/// The width of the hash range of one vnode (the field `VNODE_HASH_INTERVAL`).
///
/// A key belongs to vnode ⌊hash ÷ interval⌋. A ring may carry another interval than the one that follows from its
/// vnode count; lookups are exact for any.
#[derive(Clone, PartialEq, Eq)]
pub struct Interval {
    algorithm: Algorithm,
    /// Left-aligned, as digests are.
    width: Uint256,
    /// Two bounds of 2^288 ÷ width, unless that needs more than 64 bits.
    reciprocal: Option<[u64; 2]>,
}

impl Interval {
    /// The interval of a ring with `vnode_count` vnodes: ⌊largest hash ÷ vnode count⌋. No vnodes count as one.
    pub fn new(algorithm: Algorithm, vnode_count: u32) -> Self {
        let vnode_count = u64::from(vnode_count.max(1));
        let mut remainder = 0;
        let mut width = [0; 32];
        for byte in width.iter_mut().take(algorithm.digest_len()) {
            let dividend = remainder << 8 | 0xff;
            *byte = (dividend / vnode_count).to_le_bytes()[0];
            remainder = dividend % vnode_count;
        }
        Self::with_width(algorithm, Uint256::from_bytes(&width))
    }

    /// Reads an interval as rings store it: hexadecimal digits of either case, with any number of leading zeros.
    ///
    /// # Errors
    ///
    /// [`InvalidInterval`] if the text is not a hexadecimal number, or zero, or larger than the largest hash.
    pub fn parse(algorithm: Algorithm, text: &str) -> Result<Self, InvalidInterval> {
        let bad = |problem| InvalidInterval { text: text.to_owned(), problem };
        if text.is_empty() {
            return Err(bad(IntervalProblem::NotHexadecimal));
        }
        let mut width = [0; 32];
        let mut digits = text.bytes().rev().map(|digit| char::from(digit).to_digit(16));
        for byte in width.iter_mut().take(algorithm.digest_len()).rev() {
            let mut digit = || digits.next().unwrap_or(Some(0));
            let low = digit().ok_or_else(|| bad(IntervalProblem::NotHexadecimal))?;
            let high = digit().ok_or_else(|| bad(IntervalProblem::NotHexadecimal))?;
            *byte = (high << 4 | low).to_le_bytes()[0];
        }
        for leading in digits {
            match leading {
                Some(0) => {}
                Some(_) => return Err(bad(IntervalProblem::TooLarge(algorithm))),
                None => return Err(bad(IntervalProblem::NotHexadecimal)),
            }
        }
        match Uint256::from_bytes(&width) {
            Uint256::ZERO => Err(bad(IntervalProblem::Zero)),
            width => Ok(Self::with_width(algorithm, width)),
        }
    }

    fn with_width(algorithm: Algorithm, width: Uint256) -> Self {
        // 2^96 ÷ (top + 1) < 2^288 ÷ width ≤ 2^96 ÷ top, because top · 2^192 ≤ width < (top + 1) · 2^192.
        let divided_by = |top: u128| (1_u128 << 96).checked_div(top)?.try_into().ok();
        let top = u128::from(width.top());
        let reciprocal = divided_by(top + 1).zip(divided_by(top));
        Self { algorithm, width, reciprocal: reciprocal.map(|(low, high)| [low, high]) }
    }

    /// The algorithm whose hashes the interval divides.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The vnode of `key` in a ring with this interval and `vnode_count` vnodes.
    ///
    /// # Errors
    ///
    /// [`HashOutOfRange`] if the key's hash lies beyond the last vnode. With the interval that follows from the
    /// vnode count that is out of practical reach: only the hashes of the division's remainder do, of which there
    /// are at most as many as vnodes.
    pub fn vnode_of(&self, key: &[u8], vnode_count: u32) -> Result<Vnode, HashOutOfRange> {
        let digest = self.algorithm.digest(key);
        self.vnode_of_digest(digest, vnode_count).ok_or_else(|| self.out_of_range(key, vnode_count))
    }

    pub(crate) fn out_of_range(&self, key: &[u8], vnode_count: u32) -> HashOutOfRange {
        let hash = self.algorithm.hex(self.algorithm.digest(key));
        HashOutOfRange { hash, interval: self.to_string(), vnode_count }
    }

    fn vnode_of_digest(&self, digest: Uint256, vnode_count: u32) -> Option<Vnode> {
        let count = u64::from(vnode_count);
        let [low, high] = self.bounds(digest, count);
        let (mut low, mut high) = (low.min(count), high.min(count));
        // The largest multiple of the width that is not above the digest; as a rule there is nothing left to decide.
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            match self.width.checked_mul(middle) {
                Some(start) if start <= digest => low = middle,
                Some(_) | None => high = middle - 1,
            }
        }
        u32::try_from(low).ok().filter(|&vnode| vnode < vnode_count).map(Vnode::new)
    }

    /// Two vnodes between which the digest's vnode lies, and which are nearly always the same.
    ///
    /// With top for the digest's upper 64 bits, top ≤ digest ÷ 2^192 < top + 1. Multiplied by 2^288 ÷ width, the
    /// middle of that is 2^96 · (digest ÷ width).
    fn bounds(&self, digest: Uint256, vnode_count: u64) -> [u64; 2] {
        let Some([low, high]) = self.reciprocal else { return [0, vnode_count] };
        let (top, low, high) = (u128::from(digest.top()), u128::from(low), u128::from(high));
        // The upper bound is the last whole number below (top + 1) · (high + 1).
        [top * low, top * (high + 1) + high].map(|scaled| u64::try_from(scaled >> 96).unwrap_or(0))
    }
}

/// Prints the interval as rings store it: lower-case hexadecimal with an even number of digits.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.algorithm.hex(self.width);
        let zeros = hex.bytes().take_while(|&digit| digit == b'0').count();
        f.write_str(hex.get(zeros / 2 * 2..).unwrap_or_default())
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interval({} {self})", self.algorithm)
    }
}

impl serde::Serialize for Interval {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not an interval that a ring can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("vnode hash interval {text:?} {problem}")]
pub struct InvalidInterval {
    /// The text.
    pub text: String,
    /// The problem with it.
    pub problem: IntervalProblem,
}

/// The problem with the text of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntervalProblem {
    /// There is something else than hexadecimal digits, or nothing at all.
    #[error("is not a hexadecimal number")]
    NotHexadecimal,
    /// Nothing can be divided by it.
    #[error("is zero")]
    Zero,
    /// It is larger than the largest hash.
    #[error("is larger than the largest {0} hash")]
    TooLarge(Algorithm),
}

/// A key's hash lies beyond the hash range of the last vnode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key hashes to {hash}, which is beyond the last of {vnode_count} vnodes of {interval} hashes each: \
     no vnode owns the key"
)]
pub struct HashOutOfRange {
    /// The key's hash, in hexadecimal.
    pub hash: String,
    /// The ring's interval, in hexadecimal.
    pub interval: String,
    /// The number of vnodes that the ring has.
    pub vnode_count: u32,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn intervals_print_as_node_fash_prints_them() {
        let new = |algorithm, vnodes| Interval::new(algorithm, vnodes).to_string();
        assert_eq!(new(Algorithm::Sha256, 1), "f".repeat(64));
        assert_eq!(new(Algorithm::Sha256, 16), "0".to_owned() + &"f".repeat(63));
        assert!(new(Algorithm::Sha256, 100).starts_with("028f5c"));
        assert_eq!(new(Algorithm::Md5, 1000), "4189374bc6a7ef9db22d0e56041893");
        let million = new(Algorithm::Sha256, 1_000_000);
        assert!(million.starts_with("10c6f7") && million.len() == 60, "{million}");
    }

    #[test]
    fn intervals_are_read_in_any_case_and_length() {
        let parse = |text: &str| Interval::parse(Algorithm::Md5, text);
        assert_eq!(
            parse("00000000000000000000000000000000000000000000ABC").unwrap().to_string(),
            "0abc"
        );
        assert_eq!(parse(&"fF".repeat(16)), Ok(Interval::new(Algorithm::Md5, 1)));
        let problem = |text: &str| parse(text).unwrap_err().problem;
        for text in ["", "0x12", "12 ", "xyz", "é", &("g".to_owned() + &"0".repeat(40))] {
            assert_eq!(problem(text), IntervalProblem::NotHexadecimal, "{text:?}");
        }
        assert_eq!(problem("0"), IntervalProblem::Zero);
        assert_eq!(
            problem(&("1".to_owned() + &"0".repeat(32))),
            IntervalProblem::TooLarge(Algorithm::Md5)
        );
    }

    /// node-fash's `findVnode` answers for the largest hash with a vnode that does not exist.
    #[test]
    fn hashes_beyond_the_last_vnode_are_refused() {
        let largest = Uint256::from_bytes(&[0xff; 32]);
        for vnodes in [1, 10, 16, 1_000_000, u32::MAX] {
            let interval = Interval::new(Algorithm::Sha256, vnodes);
            assert_eq!(interval.vnode_of_digest(largest, vnodes), None, "{vnodes}");
            let start = interval.width.checked_mul(u64::from(vnodes)).unwrap();
            assert_eq!(interval.vnode_of_digest(start, vnodes), None, "{vnodes}");
        }
        let narrow = Interval::parse(Algorithm::Sha256, "1").unwrap();
        let error = narrow.vnode_of(b"yunong", 1000).unwrap_err();
        assert_eq!((error.vnode_count, error.interval.as_str()), (1000, "01"));
    }

    #[test]
    fn the_borders_of_every_vnode_are_exact() {
        for algorithm in Algorithm::ALL {
            for vnodes in [1, 2, 3, 7, 10, 16, 1000, 65_536] {
                let interval = Interval::new(algorithm, vnodes);
                for vnode in 0..vnodes {
                    let start = interval.width.checked_mul(u64::from(vnode)).unwrap();
                    assert_eq!(interval.vnode_of_digest(start, vnodes), Some(Vnode::new(vnode)));
                    if let Some(before) = vnode.checked_sub(1) {
                        let end = minus_one(start);
                        assert_eq!(interval.vnode_of_digest(end, vnodes), Some(Vnode::new(before)));
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn lookups_agree_with_long_division(
            digest: [u8; 32],
            mut width: [u8; 32],
            zeros in 0_usize..32,
            vnodes: u32,
        ) {
            width[..zeros].fill(0);
            prop_assume!(width != [0; 32]);
            let (digest, width) = (Uint256::from_bytes(&digest), Uint256::from_bytes(&width));
            let interval = Interval::with_width(Algorithm::Sha256, width);
            let expected = long_division(digest, width).filter(|&vnode| vnode < vnodes);
            prop_assert_eq!(interval.vnode_of_digest(digest, vnodes), expected.map(Vnode::new));
        }

        #[test]
        fn lookups_near_a_border_agree_with_long_division(vnodes in 1_u32.., vnode: u32, offset in -2_i8..=2) {
            let interval = Interval::new(Algorithm::Sha256, vnodes);
            let start = interval.width.checked_mul(u64::from(vnode % vnodes)).unwrap();
            let mut digest = start;
            for _ in 0..offset.unsigned_abs() {
                digest = if offset < 0 { minus_one(digest) } else { plus_one(digest) };
            }
            let expected = long_division(digest, interval.width).filter(|&vnode| vnode < vnodes);
            prop_assert_eq!(interval.vnode_of_digest(digest, vnodes), expected.map(Vnode::new));
        }
    }

    /// Schoolbook division in base 2, on bits kept one a byte; the quotient unless it needs more than 32 bits.
    fn long_division(dividend: Uint256, divisor: Uint256) -> Option<u32> {
        let bits = |number: Uint256| -> Vec<u8> {
            let bytes = bytes(number).into_iter();
            std::iter::once(0)
                .chain(bytes.flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)))
                .collect()
        };
        let (divisor, mut remainder, mut quotient) = (bits(divisor), vec![0; 257], 0_u128);
        for bit in bits(dividend) {
            remainder.remove(0);
            remainder.push(bit);
            quotient = quotient.saturating_mul(2);
            if remainder >= divisor {
                let mut borrow = 0;
                for (digit, subtrahend) in remainder.iter_mut().zip(&divisor).rev() {
                    let difference = 2 + *digit - subtrahend - borrow;
                    (*digit, borrow) = (difference % 2, 1 - difference / 2);
                }
                quotient = quotient.saturating_add(1);
            }
        }
        quotient.try_into().ok()
    }

    fn bytes(number: Uint256) -> [u8; 32] {
        let hex = number.hex();
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    }

    fn plus_one(number: Uint256) -> Uint256 {
        let mut bytes = bytes(number);
        for byte in bytes.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
        Uint256::from_bytes(&bytes)
    }

    /// Wraps around, as [`plus_one`] does.
    fn minus_one(number: Uint256) -> Uint256 {
        let mut bytes = bytes(number);
        for byte in bytes.iter_mut().rev() {
            *byte = byte.wrapping_sub(1);
            if *byte != 0xff {
                break;
            }
        }
        Uint256::from_bytes(&bytes)
    }
}
