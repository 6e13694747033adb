//! The steps of a cutover, in their order.

use std::time::{Duration, Instant};

use manatee_client::{BriefSession, Gate, PgEndpoint};

use super::error::CutoverError;
use super::looks::{End, Parties};
use super::options::{self, CutoverOptions, Way};
use super::record::{CutoverRecord, StepRecord, Verdict};
use crate::causes::Chain;
use crate::deployment::Database;
use crate::guard::{
    Fence, GuardError, Replay, ReplayOptions, Sealed, Verify, VerifyOptions, VerifyPlaces,
    abort_target, advance_sequences, fence, mark_moved, open_target, seal, unfence, unseal,
    wait_for_fence_at,
};
use crate::keys::KeyHash;

/// The port of a primary's host to which a switch that is shut leads: `tcpmux`, at which nothing of Manta's listens.
const NOWHERE: u16 = 1;
/// The longest wait for an answer of ZooKeeper's.
const ZOOKEEPER: Duration = Duration::from_secs(2);

/// A cutover with all its connections, so that none is made while requests wait.
pub struct Cutover<'a> {
    parties: Parties<'a>,
    options: CutoverOptions,
    source: End,
    target: End,
    sync: Option<Database>,
    replay: Replay,
    verify: Verify,
    nowhere: PgEndpoint,
}

/// The things that are let go if it is given up.
#[derive(Default)]
struct Held {
    brief: Option<BriefSession>,
    gate: Option<Gate>,
    /// True once there may be a fence.
    fenced: bool,
}

/// The end of the part that ends by itself.
enum Reached {
    Sealed(Sealed),
    /// A rehearsal goes no further.
    AllButTheSeal,
}

impl<'a> Cutover<'a> {
    /// Connects to the primaries of source and target, and to the source's sync. Nothing is changed yet but the lease.
    ///
    /// # Errors
    ///
    /// [`CutoverError`]
    pub async fn connect(
        parties: Parties<'a>,
        hash: &KeyHash,
        options: CutoverOptions,
    ) -> Result<Self, CutoverError> {
        let source = parties.connect(parties.source).await?;
        let target = parties.connect(parties.target).await?;
        let sync = parties.connect_to_sync(&source.state).await?;
        let at_source = source.session.database().endpoint().clone();
        let at_target = target.session.database().endpoint().clone();
        let (lease, number) = (parties.lease, parties.number);
        let replay = ReplayOptions::default();
        let replay = Replay::connect(lease, number, hash, &at_source, &at_target, replay).await?;
        let places = VerifyPlaces::primaries(&at_source, &at_target);
        let verify = Verify::connect(number, hash, &places, VerifyOptions::default()).await?;
        let nowhere = PgEndpoint { port: NOWHERE, ..at_source };
        Ok(Self { parties, options, source, target, sync, replay, verify, nowhere })
    }

    /// Makes one attempt. One that was given up before the seal has changed nothing, and is no error: [`CutoverRecord::verdict`].
    ///
    /// # Errors
    ///
    /// [`CutoverError::Unfinished`] once the source may be sealed: [`finish`](super::finish) has to be called then.
    pub async fn run(&mut self) -> Result<CutoverRecord, CutoverError> {
        self.attempt(false).await
    }

    /// Does everything up to the seal, and takes it back: requests wait as long as they would, and nothing moves.
    ///
    /// # Errors
    ///
    /// None: what was given up tells so in its verdict.
    pub async fn rehearse(&mut self) -> Result<CutoverRecord, CutoverError> {
        self.attempt(true).await
    }

    async fn attempt(&mut self, is_rehearsal: bool) -> Result<CutoverRecord, CutoverError> {
        let mut log = Log::new(self.options.way);
        let mut held = Held::default();
        let reached = self.up_to_the_seal(&mut log, &mut held, is_rehearsal).await;
        let verdict = match reached {
            Ok(Reached::Sealed(sealed)) => {
                return self.after_the_seal(log, held, sealed).await;
            }
            Ok(Reached::AllButTheSeal) => Verdict::Rehearsed,
            Err(CutoverError::Guard(GuardError::Commit(error))) if log.is_at("seal") => {
                let source = Box::new(GuardError::Commit(error).into());
                return Err(CutoverError::Unfinished { step: "seal", source });
            }
            Err(error) => log.let_go(&error),
        };
        log.step("let go", self.let_go(held)).await;
        log.record.verdict = verdict;
        Ok(log.record)
    }

    async fn up_to_the_seal(
        &mut self,
        log: &mut Log,
        held: &mut Held,
        is_rehearsal: bool,
    ) -> Result<Reached, CutoverError> {
        let (parties, options) = (&self.parties, self.options);
        let (at_source, at_target) =
            (self.source.session.database(), self.target.session.database());
        log.step("look", parties.look(at_source, at_target)).await?;
        // The beginning of the time for which requests wait, or writes are refused.
        let mut since = None;
        if options.way == Way::Queue {
            let open = parties.zookeeper.open_brief_session(options.gate_timeout(), ZOOKEEPER);
            let brief = log.step("session", open).await.map_err(CutoverError::ZooKeeper)?;
            let brief = held.brief.insert(brief);
            since = Some(Instant::now());
            let shut = parties.switch.shut(brief, &self.nowhere);
            held.gate = Some(log.step("gate", shut).await?);
            let quiet = parties.wait_until_quiet(at_source, options.quiet_within);
            log.step("quiet", quiet).await?;
        }
        let since = since.unwrap_or_else(Instant::now);
        // The time until the margin begins.
        let left = || {
            let left =
                options.budget.saturating_sub(since.elapsed()).saturating_sub(options.margin);
            if left.is_zero() { Err(CutoverError::OverBudget) } else { Ok(left) }
        };
        held.fenced = true;
        let fence_options = options::fence(left()? + options.margin);
        let up = fence(&mut self.source.session, parties.number, &fence_options);
        let up: Fence = log.step("fence", up).await?;
        log.record.fence_attempts = up.waited.attempts;

        let drained = log.step("drain", self.replay.drain(left()?)).await?;
        log.record.drained = drained.entries;
        if !drained.is_empty {
            return Err(CutoverError::NotDrained { entries: drained.entries });
        }
        let compared = log.step("compare", self.verify.keys(&drained.touched)).await?;
        log.record.compared = compared.rows;
        if let Some(first) = compared.differences.first() {
            let (bucket, key) = (first.bucket.clone(), first.key.clone());
            return Err(CutoverError::Different { count: compared.differences.len(), bucket, key });
        }
        if let Some((bucket, key)) = compared.unsettled.first() {
            let (bucket, key) = (bucket.clone(), key.clone());
            return Err(CutoverError::Different { count: compared.unsettled.len(), bucket, key });
        }
        if let Some(sync) = &self.sync {
            let heard = log.step("standby", wait_for_fence_at(sync, &up, left()?)).await?;
            if heard.is_none() {
                return Err(CutoverError::StandbyBehind { shard: parties.source.name().clone() });
            }
        }
        if is_rehearsal {
            return Ok(Reached::AllButTheSeal);
        }
        left()?;
        let seal_options = options.seal();
        let sealed = seal(&mut self.source.session, &up, &seal_options);
        Ok(Reached::Sealed(log.step("seal", sealed).await?))
    }

    async fn after_the_seal(
        &mut self,
        mut log: Log,
        mut held: Held,
        sealed: Sealed,
    ) -> Result<CutoverRecord, CutoverError> {
        // Up to here nobody has asked the target to open, so it can still be closed for good.
        if let Err(error) = self.prepare_target(&mut log).await {
            let verdict = log.let_go(&error);
            log.step("break the seal", self.break_the_seal(&sealed)).await?;
            log.step("let go", self.let_go(held)).await;
            log.record.verdict = verdict;
            return Ok(log.record);
        }
        let way = self.options.way;
        let unfinished = |step| {
            move |error: CutoverError| CutoverError::Unfinished { step, source: Box::new(error) }
        };
        if way == Way::Refuse {
            log.step("switch", self.switch(&mut held)).await.map_err(unfinished("switch"))?;
            log.step("confirm", self.confirm()).await.map_err(unfinished("confirm"))?;
        }
        let opened = open_target(&mut self.target.session, &sealed);
        let opened = log.step("open", opened).await;
        let opened = opened.map_err(|error| unfinished("open")(error.into()))?;
        if way == Way::Queue {
            log.step("switch", self.switch(&mut held)).await.map_err(unfinished("switch"))?;
            log.step("confirm", self.confirm()).await.map_err(unfinished("confirm"))?;
        }
        let noted = log.step("note", mark_moved(&mut self.source.session, &opened)).await;
        noted.map_err(|error| unfinished("note")(error.into()))?;
        if let Some(brief) = held.brief {
            brief.close().await;
        }
        log.record.verdict = Verdict::Done;
        Ok(log.record)
    }

    /// Sees that the databases are still the same, and advances the target's sequences.
    async fn prepare_target(&mut self, log: &mut Log) -> Result<(), CutoverError> {
        let (at_source, at_target) =
            (self.source.session.database(), self.target.session.database());
        log.step("check", self.parties.check_identities(at_source, at_target)).await?;
        let (number, margin) = (self.parties.number, self.options.sequence_margin);
        let advance = advance_sequences(at_source, &mut self.target.session, number, margin);
        log.step("sequences", advance).await?;
        Ok(())
    }

    async fn break_the_seal(&mut self, sealed: &Sealed) -> Result<(), CutoverError> {
        let unfinished = |error: GuardError| CutoverError::Unfinished {
            step: "break the seal",
            source: Box::new(error.into()),
        };
        let never = abort_target(&mut self.target.session, sealed.number()).await;
        let never = never.map_err(unfinished)?;
        unseal(&mut self.source.session, &never).await.map_err(unfinished)
    }

    /// Has the switch lead to the target, whether the gate is still there or has gone with its session.
    async fn switch(&self, held: &mut Held) -> Result<(), CutoverError> {
        let (switch, to) = (self.parties.switch, &self.target.state);
        if let (Some(brief), Some(gate)) = (&mut held.brief, held.gate.take()) {
            match switch.open(brief, &gate, to).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    let error = Chain(&error).to_string();
                    tracing::warn!(error, "the gate is not there any more");
                }
            }
        }
        Ok(switch.lead_to(to).await?)
    }

    async fn confirm(&self) -> Result<(), CutoverError> {
        let (at_source, at_target) =
            (self.source.session.database(), self.target.session.database());
        let within = self.options.confirm_within;
        self.parties.wait_until_settled(at_source, at_target, within).await
    }

    /// Takes down the fence and opens the gate. What fails of it ends by itself: the fence by its time, the gate by its session.
    async fn let_go(&mut self, mut held: Held) {
        let failed = |error: &dyn std::error::Error| {
            let error = Chain(error).to_string();
            tracing::warn!(error, "a cutover that was given up ends by itself");
        };
        // In this order, or the requests that waited would find the fence.
        if held.fenced
            && let Err(error) = unfence(&mut self.source.session, self.parties.number).await
        {
            failed(&error);
        }
        if let (Some(brief), Some(gate)) = (&mut held.brief, &held.gate)
            && let Err(error) = self.parties.switch.open(brief, gate, &self.source.state).await
        {
            failed(&error);
        }
        let Some(brief) = held.brief else { return };
        // A gate of which nobody knows whether it is shut goes with this.
        brief.close().await;
        if let Err(error) = self.parties.switch.lead_to(&self.source.state).await {
            failed(&error);
        }
    }
}

/// The record of an attempt that goes on.
struct Log {
    began: Instant,
    record: CutoverRecord,
}

impl Log {
    fn new(way: Way) -> Self {
        Self { began: Instant::now(), record: CutoverRecord::new(way) }
    }

    /// Takes a step, and notes how long that took, whatever comes of it. That it begins can be traced.
    async fn step<T>(&mut self, name: &'static str, step: impl Future<Output = T>) -> T {
        tracing::debug!(step = name, "a step of the cutover begins");
        let began = self.began.elapsed();
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let began_micros = micros(began);
        self.record.steps.push(StepRecord { name: name.to_owned(), began_micros, took_micros: 0 });
        let done = step.await;
        if let Some(last) = self.record.steps.last_mut() {
            last.took_micros = micros(self.began.elapsed().saturating_sub(began));
        }
        done
    }

    /// Tells whether this is the last step that was begun.
    fn is_at(&self, name: &str) -> bool {
        self.record.steps.last().is_some_and(|step| step.name == name)
    }

    /// The verdict on an attempt whose last step failed.
    fn let_go(&self, error: &CutoverError) -> Verdict {
        let step = self.record.steps.last().map_or("", |step| step.name.as_str()).to_owned();
        Verdict::LetGo { step, why: Chain(error).to_string() }
    }
}
