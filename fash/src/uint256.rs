//! The little big-number arithmetic that a ring needs.

/// A number of 256 bits, most significant limb first (which makes the derived order numerical).
///
/// Digests shorter than 256 bits are kept left-aligned: their bytes first, zeros after. Dividing a digest by an
/// interval gives the same quotient whether both are left-aligned or not, so one arithmetic serves all algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Uint256([u64; 4]);

impl Uint256 {
    pub(crate) const ZERO: Self = Self([0; 4]);

    /// The number whose leading bytes, most significant first, are these; bytes beyond the 32nd are ignored.
    pub(crate) fn from_leading_bytes(leading: &[u8]) -> Self {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(leading) {
            *to = *from;
        }
        Self::from_bytes(&bytes)
    }

    /// The number with these bytes, most significant first.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(bytes.as_chunks().0) {
            *limb = u64::from_be_bytes(*bytes);
        }
        Self(limbs)
    }

    /// All 64 hexadecimal digits, in lower case.
    pub(crate) fn hex(self) -> String {
        let [a, b, c, d] = self.0;
        format!("{a:016x}{b:016x}{c:016x}{d:016x}")
    }

    /// The most significant 64 bits.
    pub(crate) const fn top(self) -> u64 {
        let [top, ..] = self.0;
        top
    }

    /// The product, unless it needs more than 256 bits.
    pub(crate) fn checked_mul(self, factor: u64) -> Option<Self> {
        let mut limbs = self.0;
        let mut carry = 0;
        for limb in limbs.iter_mut().rev() {
            let product = u128::from(*limb) * u128::from(factor) + u128::from(carry);
            [carry, *limb] = halves(product);
        }
        (carry == 0).then_some(Self(limbs))
    }
}

/// The upper and the lower 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
const fn halves(number: u128) -> [u64; 2] {
    [(number >> 64) as u64, number as u64]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_digests_are_left_aligned() {
        assert_eq!(Uint256::from_leading_bytes(&[0x80]).top(), 1 << 63);
        assert!(Uint256::from_leading_bytes(&[1]) > Uint256::from_leading_bytes(&[0, 255]));
        assert_eq!(Uint256::from_leading_bytes(&[0x0a, 0xbc]).hex(), format!("{:0<64}", "0abc"));
    }

    #[test]
    fn products_carry_and_overflow() {
        let max = Uint256([u64::MAX; 4]);
        assert_eq!(max.checked_mul(1), Some(max));
        assert_eq!(max.checked_mul(2), None);
        assert_eq!(max.checked_mul(0), Some(Uint256::ZERO));
        let low = Uint256([0, 0, 1, u64::MAX]);
        assert_eq!(low.checked_mul(u64::MAX), Some(Uint256([0, 1, u64::MAX - 2, 1])));
    }
}
