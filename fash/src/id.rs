//! The two names that everything else is about: [`Vnode`] and [`Pnode`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A virtual node: one slot of the ring, numbered from 0 to the ring's vnode count minus one.
///
/// A `Vnode` is only a number; whether it exists depends on the ring that it is used with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Vnode(u32);

impl Vnode {
    /// The vnode with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The vnode's number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The vnode's number as an index into a table with one entry a vnode.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Vnode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u32> for Vnode {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

/// The text is not a vnode number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a vnode number (a whole number from 0 to {max})", max = u32::MAX)]
pub struct InvalidVnode(pub String);

impl FromStr for Vnode {
    type Err = InvalidVnode;

    /// Parses a decimal number with an optional `+`, as node-fash does; leading zeros are fine.
    fn from_str(text: &str) -> Result<Self, InvalidVnode> {
        text.parse().map(Self).map_err(|_| InvalidVnode(text.to_owned()))
    }
}

/// A physical node: the address of a shard, such as `tcp://1.moray.us-east.example.com:2020`.
///
/// node-fash takes any text; so do we, but for the empty one. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pnode(Arc<str>);

/// A pnode needs a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pnode's name is empty")]
pub struct EmptyPnode;

impl Pnode {
    /// The pnode's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pnode {
    type Err = EmptyPnode;

    fn from_str(name: &str) -> Result<Self, EmptyPnode> {
        if name.is_empty() { Err(EmptyPnode) } else { Ok(Self(name.into())) }
    }
}

impl serde::Serialize for Pnode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for Pnode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Pnode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vnodes_parse_as_node_fash_parses_them() {
        assert_eq!("+1".parse(), Ok(Vnode::new(1)));
        assert_eq!("02".parse(), Ok(Vnode::new(2)));
        for bad in ["", "-1", "0x3", "4.0", "5e0", "abc", "4294967296"] {
            assert_eq!(bad.parse::<Vnode>(), Err(InvalidVnode(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn a_pnode_has_a_name() {
        assert_eq!("".parse::<Pnode>(), Err(EmptyPnode));
        assert_eq!("a".parse::<Pnode>().map(|p| p.to_string()), Ok("a".to_owned()));
    }
}
