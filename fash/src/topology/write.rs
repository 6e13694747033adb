//! Writing a topology.

use std::io::{self, Write};

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeStruct, Serializer};

use crate::id::{Pnode, Vnode};
use crate::pnode_names::object_key_rank;
use crate::ring::Ring;
use crate::version::RING_VERSION;

impl Ring {
    /// Writes the ring as node-fash prints it: one line of JSON, without a newline at its end. The version is always
    /// [`RING_VERSION`], whatever was read.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_json(&self, out: impl Write) -> io::Result<()> {
        let mut out = io::BufWriter::with_capacity(1 << 16, out);
        serde_json::to_writer(&mut out, self)?;
        out.flush()
    }
}

/// Serializes as node-fash's topology.
impl Serialize for Ring {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut topology = serializer.serialize_struct("Topology", 4)?;
        topology.serialize_field("vnodes", &self.vnode_count())?;
        topology.serialize_field("pnodeToVnodeMap", &Pnodes(self))?;
        topology.serialize_field("algorithm", &Algorithm(self))?;
        topology.serialize_field("version", RING_VERSION)?;
        topology.end()
    }
}

struct Pnodes<'a>(&'a Ring);

impl Serialize for Pnodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(ring) = self;
        let mut pnodes: Vec<(&Pnode, Vec<Vnode>)> =
            ring.pnodes().iter().zip(ring.vnodes_by_pnode()).collect();
        pnodes.sort_by_key(|(pnode, _)| object_key_rank(pnode.as_str()));
        let mut map = serializer.serialize_map(Some(pnodes.len()))?;
        for (pnode, vnodes) in &pnodes {
            map.serialize_entry(pnode, &Vnodes { ring, vnodes })?;
        }
        map.end()
    }
}

struct Vnodes<'a> {
    ring: &'a Ring,
    vnodes: &'a [Vnode],
}

impl Serialize for Vnodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.vnodes.len()))?;
        for vnode in self.vnodes {
            map.serialize_entry(vnode, self.ring.data(*vnode))?;
        }
        map.end()
    }
}

struct Algorithm<'a>(&'a Ring);

impl Serialize for Algorithm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(ring) = self;
        let mut algorithm = serializer.serialize_struct("Algorithm", 3)?;
        algorithm.serialize_field("NAME", &ring.algorithm())?;
        algorithm.serialize_field("MAX", ring.algorithm().max())?;
        algorithm.serialize_field("VNODE_HASH_INTERVAL", ring.interval())?;
        algorithm.end()
    }
}
