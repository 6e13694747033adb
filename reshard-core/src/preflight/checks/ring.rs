//! The ring that SAPI names.

use super::{Check, Evidence, Findings, RING, Subject, look};
use crate::hint::{Operation, hint};

/// The ring can be downloaded, is sound, and has the source.
pub(super) fn readable(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new(RING);
    let ring = match look(&evidence.ring) {
        Ok(ring) => ring,
        // Of a SAPI or IMGAPI that does not answer the ring is not to blame.
        Err(why) if why.teller() != Some(RING) => {
            findings.blind(why);
            return findings.or_ok("");
        }
        Err(why) => {
            findings.fail(
                format!("the ring that SAPI names cannot be read: {why}"),
                "see HASH_RING_IMAGE (a UUID in lower case, as IMGAPI takes it) and HASH_RING_IMGAPI_SERVICE with \
                 `sdc-sapi '/applications?name=manta&include_master=true'`, and the image: an electric-moray zone that is \
                 provisioned now would not come up",
            );
            return findings.or_ok("");
        }
    };
    let source = ring.pnodes.iter().find(|pnode| pnode.host() == Some(subject.source.as_str()));
    match source.map(|pnode| pnode.vnodes.len()) {
        None => findings.fail(
            format!("{} is not in the ring {}", subject.source, ring.image),
            hint!("split a shard that is in the ring: ", Operation::ListShards, " lists them"),
        ),
        Some(0 | 1) => findings.fail(
            format!("{} has too few vnodes in the ring to be split", subject.source),
            "split another shard",
        ),
        Some(_) => {}
    }
    findings.or_ok(format!(
        "{}: {} vnodes of {} shards, {} of them of {}",
        ring.image,
        ring.vnode_count,
        ring.pnodes.len(),
        source.map_or(0, |pnode| pnode.vnodes.len()),
        subject.source
    ))
}
