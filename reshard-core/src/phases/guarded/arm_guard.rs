//! Puts the guard up at the source: from here on writes of the moving vnodes are logged there, and can be fenced. Nothing is
//! refused.
//!
//! * reads: the source's tables, settings and prepared transactions
//! * writes: the schema `reshard` in the source's database, and triggers on its sharded tables; the fact `armed`
//! * done when: the guard is up for every move, and every transaction that is older has ended
//! * undo: everything of it is removed
//! * pause: before it begins

use async_trait::async_trait;

use super::moves::{generation, lease, moves, primary, session};
use crate::guard::{ArmOptions, Patience, arm, install, remove};
use crate::hint::{Operation, hint};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone};
use crate::phases::facts::ARMED;

/// Puts the guard up at the source.
#[derive(Clone, Copy, Debug)]
pub struct ArmGuard;

#[async_trait]
impl Phase for ArmGuard {
    fn name(&self) -> &'static str {
        "arm-guard"
    }

    fn about(&self) -> About {
        About {
            title: "put the guard up at the source, which logs writes of the moving vnodes",
            rfd103: "",
            reads: "the source's tables, settings and prepared transactions",
            writes: "the schema reshard in the source's database, triggers on its sharded tables",
            done_when: "the guard is up for every move, and every older transaction has ended",
            undo: "removes the triggers and the schema",
            pause: "before it begins",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let (plan, name) = (context.plan(), context.plan().source());
        let mut database = primary(context, name).await?;
        let hash = &plan.inventory.ring.hashing;
        let remedy = || hint!("put right what the message names; then ", Operation::Resume);
        let installing = async {
            let installed = install(&mut database, hash).await;
            installed.or_hold(format!("the guard cannot be installed at {name}"), remedy())
        };
        context.act(format!("install the guard's schema at {name}"), installing).await?;
        let generation = generation(context, name).await?;
        let mut armed = Vec::new();
        for one in moves(plan) {
            let mut session = session(context, name).await?;
            let to = &one.target.name;
            let arming = async {
                let options = ArmOptions::default();
                let vnodes = &one.target.vnodes;
                let armed = arm(&mut session, one.number, vnodes, generation, &options).await;
                armed.or_hold(format!("the guard cannot be put up at {name}"), remedy())
            };
            armed.push(context.act(format!("arm the move to {to}"), arming).await?);
        }
        let tables = armed.first().map_or(0, |armed| armed.tables.len());
        context
            .note(format!("the guard is on {tables} tables of {name}, for {} moves", armed.len()))
            .await?;
        context.put(&ARMED, &armed).await
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        let name = context.plan().source();
        for one in moves(context.plan()) {
            let removing = async {
                let database = primary(context, name).await?;
                let patience = Patience::FOR_TABLES;
                let removed = remove(database, lease(context), one.number, &patience).await;
                removed.or_phase_error(format!("the guard cannot be removed from {name}"))
            };
            let what = format!("remove the guard of the move to {} from {name}", one.target.name);
            context.act(what, removing).await?;
        }
        context.forget(&ARMED).await?;
        Ok(Undone::Completely)
    }
}
