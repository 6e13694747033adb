//! The facts of the executor itself. Those that the phases of plans tell each other stand in `phases/facts.rs`.

use super::write_block::WriteBlockRecord;
use crate::cutover::CutoverRecord;
use crate::journal::Fact;

/// The number of times that the plan began anew after it had rolled everything back. The executor counts it; phases name what
/// they create by it, see [`super::Context::round`].
pub(crate) const ROUND: Fact<u32> = Fact::new("round");

/// The name of the phase back to which everything has to be undone before the plan goes on. Written when undoing a phase has
/// said so, read and removed by the executor that goes on.
pub(crate) const UNDO_BACK_TO: Fact<String> = Fact::new("undo-back-to");

/// The names of the plan's phases, in order. Written by every executor before its first phase, read by the next one, which must
/// not have others.
pub(crate) const PHASE_SEQUENCE: Fact<Vec<String>> = Fact::new("phase-sequence");

/// The write block that lasts, or else the last one. Written by the executor where it begins and ends; read by the executor,
/// which tells ZooKeeper, and by those who only look.
pub(crate) const WRITE_BLOCK: Fact<WriteBlockRecord> = Fact::new("write-block");

/// All attempts to cut over. Written by `cut-over`, read by the report.
pub(crate) const CUTOVERS: Fact<Vec<CutoverRecord>> = Fact::new("cutovers");

/// All write blocks that are over. Written by the executor when one ends, read by the report.
pub(crate) const WRITE_BLOCKS: Fact<Vec<WriteBlockRecord>> = Fact::new("write-blocks");

/// The routers' zones that did not run when rings were put back, by alias and UUID: one that comes back may refuse writes. Written and
/// removed by the phases that change routers, read by those who only look.
pub(crate) const ROUTERS_LEFT: Fact<Vec<String>> = Fact::new("routers-left");
