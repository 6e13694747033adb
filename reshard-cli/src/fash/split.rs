use std::io::Write;
use std::path::PathBuf;

use fash::{
    Move, Pnode, Ring, RingEditor, RingReader, Vnode, choose_every, choose_first, choose_listed,
};
use serde::Serialize;

use super::create::pnodes;
use super::edit::{warn_if_node_fash_cannot_read, warn_of_lookalikes};
use super::error::Result;
use super::source::{RingArgs, noticing};
use super::vnode_list::OptionalVnodeArgs;
use super::weights::Weights;
use crate::output::{Output, say};
use crate::progress::while_working;

/// Choose vnodes of a pnode that are to go to other pnodes and, with `--apply`, move them
///
/// Prints the chosen vnodes, one a line, as `--vnode-file` takes them; if there are several targets, each with a tab and
/// its target. `--every`, `--first` and lists of vnodes deal the chosen vnodes out to the targets in turn.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  fash split -b leveldb -l ring --from a --to b --every 2
  fash split -b leveldb -l ring --from a --to b,c --weights rows-per-vnode --json
  fash split -b leveldb -l ring --from a --to b --every 2 --apply")]
#[command(group = clap::ArgGroup::new("how").required(true).multiple(false)
    .args(["every", "first", "weights", "vnode", "vnode_file"]))]
pub(crate) struct SplitArgs {
    #[command(flatten)]
    ring: RingArgs,

    /// The pnode to take vnodes from
    #[arg(long, value_name = "PNODE")]
    from: Pnode,

    /// The pnodes that get them, separated by commas or spaces; they need not exist yet
    #[arg(long, value_name = "LIST")]
    to: String,

    /// Take one of every NUM vnodes, beginning with the first: 2 takes half, as manta-reshard does
    #[arg(long, value_name = "NUM")]
    every: Option<usize>,

    /// Take the first NUM vnodes
    #[arg(long, value_name = "NUM")]
    first: Option<usize>,

    /// Leave all pnodes, with the one that is split, with weights as even as possible
    ///
    /// FILE has lines of a vnode and its weight, or is a JSON object such as {"0":120,"1":80}; `-` is standard input.
    /// A weight is a whole number in any unit, such as rows. Vnodes without one weigh nothing; those of other pnodes are
    /// passed over. It is an error if no vnode of the pnode that is split has a weight, or one that is listed is not of
    /// the ring.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,

    #[command(flatten)]
    vnodes: OptionalVnodeArgs,

    /// Move the vnodes, all of them or none; needs the leveldb backend
    #[arg(long)]
    apply: bool,

    /// Print a JSON object, also with the weights that result
    ///
    /// Without `--weights` every vnode weighs 1. The skew is the heaviest weight over the mean: 1 is perfectly even.
    #[arg(long)]
    json: bool,
}

/// The choice, and how even the result is.
#[derive(Serialize)]
struct Plan {
    from: Pnode,
    stays: Share,
    moves: Vec<Target>,
    skew: f64,
}

#[derive(Serialize)]
struct Target {
    to: Pnode,
    #[serde(flatten)]
    share: Share,
    vnodes: Vec<Vnode>,
}

#[derive(Serialize)]
struct Share {
    count: usize,
    weight: u64,
}

impl SplitArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let plan = if self.apply {
            // The ring is locked from the choice to the move.
            let mut editor = RingEditor::open(self.ring.directory_to_change("--apply")?)?;
            let (plan, moves) = self.choose(&noticing(editor.reader(), RingReader::load)?)?;
            warn_if_node_fash_cannot_read(editor.reader().algorithm());
            let what = format!("moving vnodes of {}", self.from);
            while_working(what, || editor.remap(&moves))?;
            plan
        } else {
            self.choose(&self.ring.open()?.load()?)?.0
        };
        if self.json {
            return Ok(out.json(&plan)?);
        }
        for target in &plan.moves {
            for vnode in &target.vnodes {
                if let [_] = plan.moves.as_slice() {
                    writeln!(out, "{vnode}")?;
                } else {
                    writeln!(out, "{vnode}\t{}", target.to)?;
                }
            }
        }
        out.flush()?;
        plan.summarize();
        Ok(())
    }

    fn choose(&self, ring: &Ring) -> Result<(Plan, Vec<Move>)> {
        let vnodes = ring.vnodes_of(&self.from)?;
        let targets = pnodes(&self.to)?;
        warn_of_lookalikes(&targets, ring.pnodes());
        let weights = self.weights.as_deref().map(Weights::read).transpose()?;
        if let Some(weights) = &weights {
            weights.check(&self.from, &vnodes, ring.vnode_count())?;
        }
        let lists = match &weights {
            Some(weights) => {
                let split = fash::split_by_weight(&vnodes, weights.iter(), targets.len() + 1)?;
                // The first part, the heaviest, stays.
                split.parts.into_iter().skip(1).map(|part| part.vnodes).collect()
            }
            None => deal(&self.chosen(&vnodes)?, targets.len()),
        };
        let moves: Vec<Move> =
            targets.into_iter().zip(lists).map(|(to, vnodes)| Move { vnodes, to }).collect();

        let weigh = |vnode: Vnode| weights.as_ref().map_or(1, |weights| weights.of(vnode));
        let share = |vnodes: &[Vnode]| Share {
            count: vnodes.len(),
            weight: vnodes.iter().copied().map(weigh).sum(),
        };
        let targets: Vec<Target> = moves
            .iter()
            .map(|step| Target {
                to: step.to.clone(),
                share: share(&step.vnodes),
                vnodes: step.vnodes.clone(),
            })
            .collect();
        let all = share(&vnodes);
        let stays = Share {
            count: all.count - targets.iter().map(|target| target.share.count).sum::<usize>(),
            weight: all.weight - targets.iter().map(|target| target.share.weight).sum::<u64>(),
        };
        let loads = targets.iter().map(|target| target.share.weight).chain([stays.weight]);
        let skew = skew(loads.max().unwrap_or(0), all.weight, targets.len() + 1);
        Ok((Plan { from: self.from.clone(), stays, moves: targets, skew }, moves))
    }

    fn chosen(&self, vnodes: &[Vnode]) -> Result<Vec<Vnode>> {
        Ok(match (self.every, self.first) {
            (Some(step), _) => choose_every(vnodes, step)?,
            (None, Some(wanted)) => choose_first(vnodes, wanted)?,
            (None, None) => choose_listed(vnodes, &self.vnodes.read()?)?,
        })
    }
}

impl Plan {
    fn summarize(&self) {
        let Share { count, weight } = self.stays;
        say(format_args!("fash: {count} vnodes (weight {weight}) stay on {}", self.from));
        for Target { to, share: Share { count, weight }, .. } in &self.moves {
            say(format_args!("fash: {count} vnodes (weight {weight}) for {to}"));
        }
        say(format_args!("fash: skew {:.3}", self.skew));
    }
}

/// Deals vnodes out in turn.
fn deal(vnodes: &[Vnode], hands: usize) -> Vec<Vec<Vnode>> {
    (0..hands).map(|hand| vnodes.iter().copied().skip(hand).step_by(hands).collect()).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a ratio to look at needs no more than 53 bits")]
fn skew(heaviest: u64, total: u64, parts: usize) -> f64 {
    if total == 0 { 1.0 } else { heaviest as f64 * parts as f64 / total as f64 }
}
