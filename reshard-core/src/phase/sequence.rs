//! The order of a plan's phases, and where in it writes are refused and the way back ends.
//!
//! A sequence is made in the order in which it is carried out, so that none can be made whose write block does not end, or whose
//! pivot is not inside of it:
//!
//! ```
//! use std::sync::Arc;
//! use reshard_core::{Sequence, phases};
//!
//! let sequence = Sequence::open([Arc::new(phases::Preflight) as _])
//!     .blocked([Arc::new(phases::BlockWrites) as _, Arc::new(phases::Drain) as _])
//!     .pivot(Arc::new(phases::PublishRing))
//!     .last(Arc::new(phases::InstallRing))
//!     .open([Arc::new(phases::VerifyRouting) as _])?;
//! assert_eq!(sequence.pivot().map(|step| step.name()), Some("publish-ring"));
//! # Ok::<(), reshard_core::SequenceError>(())
//! ```

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use super::Phase;

/// A relation of a phase to the interval in which writes to the moving vnodes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WriteBlock {
    /// Writes are accepted while it runs.
    Outside,
    /// Writes are accepted when it begins and refused when it ends.
    Begins,
    /// Writes are refused while it runs.
    Inside,
    /// Writes are refused when it begins and accepted when it ends.
    Ends,
}

impl WriteBlock {
    /// Tells whether writes are refused during some of the phase at least.
    pub fn touches(self) -> bool {
        self != Self::Outside
    }
}

/// A phase at its place in a sequence.
#[derive(Clone)]
pub struct Step {
    phase: Arc<dyn Phase>,
    write_block: WriteBlock,
    is_pivot: bool,
}

impl Step {
    /// The relation to the write block.
    pub fn write_block(&self) -> WriteBlock {
        self.write_block
    }

    /// Tells whether rolling back is impossible once this phase has begun: from then on the plan can only go on to its end.
    pub fn is_pivot(&self) -> bool {
        self.is_pivot
    }

    /// The phase.
    pub fn phase(&self) -> &Arc<dyn Phase> {
        &self.phase
    }
}

/// A step is used as the phase that it is.
impl Deref for Step {
    type Target = dyn Phase;

    fn deref(&self) -> &Self::Target {
        &*self.phase
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pivot = if self.is_pivot { ", pivot" } else { "" };
        write!(f, "{} ({:?}{pivot})", self.name(), self.write_block)
    }
}

/// The phases of a plan in their order. Names are unique, and a phase that rewinds does so to an earlier one.
#[derive(Clone, Debug)]
pub struct Sequence {
    steps: Vec<Step>,
}

/// The phases cannot be a plan's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SequenceError {
    /// A name is there twice.
    #[error("two phases are called {name}")]
    Duplicate {
        /// The name.
        name: &'static str,
    },
    /// No phase begins the write block.
    #[error("the write block has no phase that begins it")]
    NothingBlocks,
    /// A phase rewinds to one that does not come before it.
    #[error("the phase {name} rewinds to {to}, which does not come before it")]
    Rewind {
        /// The phase.
        name: &'static str,
        /// The phase that it rewinds to.
        to: &'static str,
    },
    /// There is no such phase.
    #[error("there is no phase {name}")]
    Missing {
        /// The name.
        name: String,
    },
}

/// A sequence up to the write block.
#[derive(Debug)]
pub struct OpenPart {
    steps: Vec<Step>,
}

/// A sequence without a write block, up to and including its pivot.
#[derive(Debug)]
pub struct TurnedPart {
    steps: Vec<Step>,
}

/// A sequence up to the pivot.
#[derive(Debug)]
pub struct BlockedPart {
    steps: Vec<Step>,
}

/// A sequence up to the last phase of the write block.
#[derive(Debug)]
pub struct PivotedPart {
    steps: Vec<Step>,
}

/// A sequence up to the end of the write block.
#[derive(Debug)]
pub struct ClosedPart {
    steps: Vec<Step>,
}

fn step(phase: Arc<dyn Phase>, write_block: WriteBlock) -> Step {
    Step { phase, write_block, is_pivot: false }
}

fn outside(phases: impl IntoIterator<Item = Arc<dyn Phase>>) -> impl Iterator<Item = Step> {
    phases.into_iter().map(|phase| step(phase, WriteBlock::Outside))
}

impl OpenPart {
    /// Goes on with phases during which writes are refused; the first of them begins that.
    #[must_use]
    pub fn blocked(mut self, phases: impl IntoIterator<Item = Arc<dyn Phase>>) -> BlockedPart {
        let blocks = [WriteBlock::Begins].into_iter().chain(std::iter::repeat(WriteBlock::Inside));
        self.steps.extend(phases.into_iter().zip(blocks).map(|(phase, block)| step(phase, block)));
        BlockedPart { steps: self.steps }
    }

    /// Goes on with the phase from which on there is no way back, in a sequence that refuses no writes.
    #[must_use]
    pub fn pivot(mut self, phase: Arc<dyn Phase>) -> TurnedPart {
        self.steps.push(Step { is_pivot: true, ..step(phase, WriteBlock::Outside) });
        TurnedPart { steps: self.steps }
    }

    /// Ends the sequence: it refuses no writes.
    ///
    /// # Errors
    ///
    /// [`SequenceError`]
    pub fn end(self) -> Result<Sequence, SequenceError> {
        Sequence { steps: self.steps }.checked()
    }
}

impl TurnedPart {
    /// Ends the sequence with phases that only go forward.
    ///
    /// # Errors
    ///
    /// [`SequenceError`]
    pub fn open(
        mut self,
        phases: impl IntoIterator<Item = Arc<dyn Phase>>,
    ) -> Result<Sequence, SequenceError> {
        self.steps.extend(outside(phases));
        Sequence { steps: self.steps }.checked()
    }
}

impl BlockedPart {
    /// Goes on with the phase from which on there is no way back.
    #[must_use]
    pub fn pivot(mut self, phase: Arc<dyn Phase>) -> PivotedPart {
        self.steps.push(Step { is_pivot: true, ..step(phase, WriteBlock::Inside) });
        PivotedPart { steps: self.steps }
    }
}

impl PivotedPart {
    /// Goes on with the phase at whose end writes are accepted again.
    #[must_use]
    pub fn last(mut self, phase: Arc<dyn Phase>) -> ClosedPart {
        self.steps.push(step(phase, WriteBlock::Ends));
        ClosedPart { steps: self.steps }
    }
}

impl ClosedPart {
    /// Ends the sequence with phases during which writes are accepted.
    ///
    /// # Errors
    ///
    /// [`SequenceError`]
    pub fn open(
        mut self,
        phases: impl IntoIterator<Item = Arc<dyn Phase>>,
    ) -> Result<Sequence, SequenceError> {
        if !self.steps.iter().any(|step| step.write_block == WriteBlock::Begins) {
            return Err(SequenceError::NothingBlocks);
        }
        self.steps.extend(outside(phases));
        Sequence { steps: self.steps }.checked()
    }
}

impl Sequence {
    /// Begins with phases during which writes are accepted.
    #[must_use]
    pub fn open(phases: impl IntoIterator<Item = Arc<dyn Phase>>) -> OpenPart {
        OpenPart { steps: outside(phases).collect() }
    }

    /// The same sequence with a phase more, before the one of this name. Writes are refused meanwhile if they are refused when
    /// that one begins.
    ///
    /// # Errors
    ///
    /// [`SequenceError::Missing`], [`SequenceError::Duplicate`], [`SequenceError::Rewind`]
    pub fn with_phase_before(
        mut self,
        name: &str,
        phase: Arc<dyn Phase>,
    ) -> Result<Self, SequenceError> {
        let at = self.steps.iter().position(|step| step.name() == name);
        let at = at.ok_or_else(|| SequenceError::Missing { name: name.to_owned() })?;
        let write_block = match self.steps.get(at).map(|step| step.write_block) {
            Some(WriteBlock::Inside | WriteBlock::Ends) => WriteBlock::Inside,
            Some(WriteBlock::Outside | WriteBlock::Begins) | None => WriteBlock::Outside,
        };
        self.steps.insert(at, step(phase, write_block));
        self.checked()
    }

    /// The steps in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Step> {
        self.steps.iter()
    }

    /// The step of this name.
    pub fn get(&self, name: &str) -> Option<&Step> {
        self.iter().find(|step| step.name() == name)
    }

    /// The names in their order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.iter().map(|step| step.name())
    }

    /// The phases during which writes are refused, in their order.
    pub fn blocked(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.iter().filter(|step| step.write_block.touches())
    }

    /// The phase that begins the write block; `None` if no writes are refused.
    pub fn block_begins(&self) -> Option<&Step> {
        self.iter().find(|step| step.write_block == WriteBlock::Begins)
    }

    /// The phase from which on there is no way back, if there is one.
    pub fn pivot(&self) -> Option<&Step> {
        self.iter().find(|step| step.is_pivot)
    }

    fn checked(self) -> Result<Self, SequenceError> {
        let mut before = BTreeSet::new();
        for step in &self.steps {
            let name = step.name();
            if let Some(to) = step.rewinds_to().filter(|to| !before.contains(to)) {
                return Err(SequenceError::Rewind { name, to });
            }
            if !before.insert(name) {
                return Err(SequenceError::Duplicate { name });
            }
        }
        Ok(self)
    }
}

impl<'a> IntoIterator for &'a Sequence {
    type Item = &'a Step;
    type IntoIter = std::slice::Iter<'a, Step>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests;
