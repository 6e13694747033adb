//! Hints: advice to an operator that names operations, and no command of any command line. A front end words the operations.

use std::fmt;

use manatee_client::ShardName;
use serde::{Deserialize, Serialize};

use crate::causes::printable;
use crate::plan_uuid::PlanUuid;

/// An operation that a [`Hint`] may name. Its text is what it does, in the imperative: `resume the plan`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub enum Operation {
    /// Goes on with the plan.
    Resume,
    /// Rolls back everything that the plan did.
    Abort,
    /// Stops the plan where that is safe.
    Pause,
    /// Approves of what clients may notice.
    Approve,
    /// Shows how far the plan is.
    ShowStatus,
    /// Shows what the plan is going to do.
    ShowPlan,
    /// Changes a setting of the plan, one of [`crate::SETTINGS`].
    Tune {
        /// The setting.
        setting: String,
        /// The number to set it to; absent if the operator has to choose one.
        value: Option<u64>,
    },
    /// Makes a plan.
    MakePlan {
        /// The shard to split; absent if the operator has to choose one.
        source: Option<ShardName>,
    },
    /// Makes a plan that is predicted by what an earlier one cost.
    MakePlanByCosts,
    /// Makes a plan for a shard whose unsharded tables would be copied too.
    MakePlanForStorageShard,
    /// Lists all plans that the region knows, and what each keeps for itself.
    ListPlans,
    /// Goes on with another plan.
    ResumeOther {
        /// Its file, on its executor's machine.
        file: String,
    },
    /// Rolls back everything that another plan did.
    AbortOther {
        /// Its file, on its executor's machine.
        file: String,
    },
    /// Frees what a plan that is over has left reserved.
    ReleasePlan {
        /// The plan.
        plan: PlanUuid,
    },
    /// Frees what a plan keeps whose file is lost.
    ReleaseLostPlan {
        /// The plan.
        plan: PlanUuid,
    },
    /// Lists the shards.
    ListShards,
    /// Checks whether a shard can be split.
    CheckShard {
        /// The shard.
        shard: ShardName,
    },
    /// Shows the peers of a shard.
    ShowPeers,
    /// Lists the dumps of a shard that run.
    ListDumps {
        /// The shard.
        shard: ShardName,
    },
    /// Counts whose the rows of a shard are.
    CountRows {
        /// The shard.
        shard: ShardName,
    },
    /// Compares the rings of all routers.
    AuditRings,
    /// Measures the rows and bytes of a shard's vnodes.
    MeasureShard,
    /// Writes a configuration.
    Configure,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resume => f.write_str("resume the plan"),
            Self::Abort => f.write_str("abort the plan"),
            Self::Pause => f.write_str("pause the plan"),
            Self::Approve => f.write_str("approve the plan"),
            Self::ShowStatus => f.write_str("show the status of the plan"),
            Self::ShowPlan => f.write_str("show the plan"),
            Self::Tune { setting, value: Some(value) } => write!(f, "tune {setting} to {value}"),
            Self::Tune { setting, value: None } => write!(f, "tune {setting}"),
            Self::MakePlan { source: Some(source) } => write!(f, "make a plan for {source}"),
            Self::MakePlan { source: None } => f.write_str("make a plan"),
            Self::MakePlanByCosts => f.write_str("make a plan by the costs of another"),
            Self::MakePlanForStorageShard => f.write_str("make a plan for a storage shard"),
            Self::ListPlans => f.write_str("list the plans"),
            Self::ResumeOther { file } => write!(f, "resume the plan in {file}"),
            Self::AbortOther { file } => write!(f, "abort the plan in {file}"),
            Self::ReleasePlan { plan } => write!(f, "free what the plan {plan} has left"),
            Self::ReleaseLostPlan { plan } => write!(f, "free what the plan {plan} keeps"),
            Self::ListShards => f.write_str("list the shards"),
            Self::CheckShard { shard } => write!(f, "check {shard}"),
            Self::ShowPeers => f.write_str("show the peers of the shard"),
            Self::ListDumps { shard } => write!(f, "list the dumps of {shard}"),
            Self::CountRows { shard } => write!(f, "count the rows of {shard}"),
            Self::AuditRings => f.write_str("audit the rings"),
            Self::MeasureShard => f.write_str("measure the shard"),
            Self::Configure => f.write_str("write a configuration"),
        }
    }
}

/// Text for an operator, with operations in it.
///
/// Its own words quote what an operation does: `find out who changed it; then 'resume the plan'`. A front end that has other
/// words for operations, such as commands or the names of buttons, uses [`Hint::worded`]. As JSON it is a string, or with operations
/// in it a list of strings and operations.
///
/// ```
/// use reshard_core::{Hint, Operation};
///
/// let hint = Hint::from("mend it; then ").and(Operation::Resume);
/// assert_eq!(hint.to_string(), "mend it; then 'resume the plan'");
/// assert_eq!(hint.worded(|_| "press Resume".to_owned()), "mend it; then press Resume");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Hint(Vec<Part>);

/// A part of a [`Hint`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    Operation(Operation),
}

/// A [`Hint`] as it is serialized.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Parts(Vec<Part>),
}

impl Hint {
    /// The hint with more at its end.
    #[must_use]
    pub fn and(mut self, more: impl Into<Self>) -> Self {
        for part in more.into().0 {
            if let (Some(Part::Text(text)), Part::Text(more)) = (self.0.last_mut(), &part) {
                text.push_str(more);
            } else {
                self.0.push(part);
            }
        }
        self
    }

    /// One hint of several, with text between them.
    #[must_use]
    pub fn join(hints: impl IntoIterator<Item = Self>, between: &str) -> Self {
        let joined = hints.into_iter().reduce(|joined, hint| joined.and(between).and(hint));
        joined.unwrap_or_default()
    }

    /// Tells whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The operations that it names, in their order.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Operation(operation) => Some(operation),
        })
    }

    /// The hint of an abort that does not get on: whoever is to go on is to abort. One that tells them apart stays as it is.
    pub(crate) fn for_abort(mut self) -> Self {
        if !self.operations().any(|operation| *operation == Operation::Abort) {
            let resumes = |part: &&mut Part| **part == Part::Operation(Operation::Resume);
            self.0.iter_mut().filter(resumes).for_each(|part| {
                *part = Part::Operation(Operation::Abort);
            });
        }
        self
    }

    /// The hint where there is no way back: nobody is sent to an abort that is refused.
    pub(crate) fn for_the_way_forward(self) -> Self {
        if !self.operations().any(|operation| *operation == Operation::Abort) {
            return self;
        }
        hint!(
            "fix what the message names, and put back what somebody has changed: there is no way but forward; then ",
            Operation::Resume
        )
    }

    /// The text in the words of a front end, which says what to call an operation.
    pub fn worded(&self, word: impl Fn(&Operation) -> String) -> String {
        let words = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Operation(operation) => word(operation),
        });
        words.collect()
    }

    /// The hint with its text as [`printable`] has it.
    pub(crate) fn printable(self) -> Self {
        let parts = self.0.into_iter().map(|part| match part {
            Part::Text(text) => Part::Text(printable(&text)),
            Part::Operation(operation) => Part::Operation(operation),
        });
        Self(parts.collect())
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.worded(|operation| format!("'{operation}'")))
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self(if text.is_empty() { Vec::new() } else { vec![Part::Text(text)] })
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Operation> for Hint {
    fn from(operation: Operation) -> Self {
        Self(vec![Part::Operation(operation)])
    }
}

impl From<Written> for Hint {
    fn from(written: Written) -> Self {
        match written {
            Written::Text(text) => text.into(),
            Written::Parts(parts) => {
                parts.into_iter().fold(Self::default(), |hint, part| match part {
                    Part::Text(text) => hint.and(text),
                    Part::Operation(operation) => hint.and(operation),
                })
            }
        }
    }
}

impl From<Hint> for Written {
    fn from(hint: Hint) -> Self {
        if hint.operations().next().is_some() {
            return Self::Parts(hint.0);
        }
        Self::Text(hint.to_string())
    }
}

/// A [`Hint`] made of its parts: texts, operations, other hints.
macro_rules! hint {
    ($first:expr $(, $more:expr)* $(,)?) => {
        $crate::hint::Hint::from($first)$(.and($more))*
    };
}
pub(crate) use hint;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_library_and_front_ends_word_operations_each_in_their_way() {
        let hint = hint!(
            "find out who changed it; then ",
            Operation::Resume,
            ", or ",
            Operation::Abort,
            " and make a new plan"
        );
        assert_eq!(
            hint.to_string(),
            "find out who changed it; then 'resume the plan', or 'abort the plan' and make a new plan"
        );
        let word = |operation: &Operation| format!("<{operation:?}>");
        assert_eq!(
            hint.worded(word),
            "find out who changed it; then <Resume>, or <Abort> and make a new plan"
        );
        assert_eq!(hint.operations().collect::<Vec<_>>(), [&Operation::Resume, &Operation::Abort]);
    }

    #[test]
    fn nobody_is_sent_back_where_there_is_no_way_back() {
        let stays = Hint::from("mend it; then ").and(Operation::Resume);
        assert_eq!(stays.clone().for_the_way_forward(), stays);
        let changed = hint!("find out who changed it; ", Operation::Abort, ", and make a new plan")
            .for_the_way_forward();
        assert_eq!(changed.operations().collect::<Vec<_>>(), [&Operation::Resume]);
    }

    #[test]
    fn it_is_the_same_when_it_is_read_back() {
        let shard = "2.moray.lab.example.net".parse().unwrap();
        let tune = Operation::Tune { setting: "budget_seconds".to_owned(), value: Some(9) };
        for (hint, document) in [
            (Hint::default(), json!("")),
            (hint!("mend ", "it".to_owned(), ""), json!("mend it")),
            (
                hint!("see ", Operation::CountRows { shard }, "; then ", Operation::Resume),
                json!([
                    "see ",
                    {"operation": "count-rows", "shard": "2.moray.lab.example.net"},
                    "; then ",
                    {"operation": "resume"}
                ]),
            ),
            (hint!(tune), json!([{"operation": "tune", "setting": "budget_seconds", "value": 9}])),
        ] {
            assert_eq!(serde_json::to_value(&hint).unwrap(), document);
            assert_eq!(serde_json::from_value::<Hint>(document).unwrap(), hint);
        }
        let in_pieces = json!(["mend", "", " it"]);
        assert_eq!(serde_json::from_value::<Hint>(in_pieces).unwrap(), hint!("mend it"));
    }

    #[test]
    fn an_abort_that_does_not_get_on_is_gone_on_with() {
        let hint = hint!("mend it; then ", Operation::Resume);
        assert_eq!(hint.for_abort(), hint!("mend it; then ", Operation::Abort));
        let both = hint!(Operation::Resume, " (", Operation::Abort, " if that was under way)");
        assert_eq!(both.clone().for_abort(), both);
    }

    #[test]
    fn several_make_one() {
        assert!(Hint::join([], "; ").is_empty());
        let joined = Hint::join([hint!("a"), hint!(Operation::ListPlans), hint!("b")], "; ");
        assert_eq!(joined, hint!("a; ", Operation::ListPlans, "; b"));
    }

    #[test]
    fn what_others_wrote_cannot_move_the_cursor() {
        let nasty = hint!("a\u{1b}[2J", Operation::Resume, "\n").printable();
        assert_eq!(nasty, hint!(r"a\u{1b}[2J", Operation::Resume, r"\n"));
    }
}
