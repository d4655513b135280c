//! Chains of role assumptions, followed to their start.
//!
//! A chain may have any number of links: a program that assumes its own role anew each hour adds one an hour. So each session's origin is
//! worked out once, from its parent's, and only what a reader can use is kept of the way.

use std::collections::{HashMap, HashSet};

use super::resolve::{BY_KEY, BY_NAME, Resolver, Step};
use super::{Attribution, Grade, Workload};

/// Different roles on the way of one chain; one that leads through more is not attributed.
pub const MOST_ROLES: usize = 256;
/// Event ids kept of one chain: those nearest its start, and the last.
const MOST_EVIDENCE: usize = 64;

const ENDLESS: &str = "the chain of role assumptions does not end";
const TOO_MANY: &str = "the chain of role assumptions leads through more than 256 roles";

/// Where a chain starts, as seen from one session in it.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// Who started it and how that is known, or why nobody is known.
    start: Result<(Workload, Grade, &'static str), String>,
    /// The weakest link.
    grade: Grade,
    /// Roles on the way, each once, from the start.
    via: Vec<String>,
    evidence: Vec<String>,
    is_chained: bool,
}

impl Origin {
    /// Of the session a chain starts with.
    pub(super) fn of(step: Step) -> Self {
        let nobody = |reason: String| Self {
            start: Err(reason),
            grade: Grade::Unknown,
            via: Vec::new(),
            evidence: Vec::new(),
            is_chained: false,
        };
        match step {
            Step::Start { workload, grade, reason, evidence, via } => {
                Self { start: Ok((workload, grade, reason)), grade, via, evidence, is_chained: false }
            }
            Step::Unknown { reason } => nobody(reason),
            Step::Parent { .. } => nobody(String::new()),
        }
    }

    fn endless() -> Self {
        Self::of(Step::Unknown { reason: ENDLESS.to_owned() })
    }

    /// Of a session that this one, of `role`, opened.
    pub(super) fn through(mut self, role: Option<String>, grade: Grade, evidence: String) -> Self {
        self.is_chained = true;
        self.grade = self.grade.max(grade);
        if let Some(role) = role.filter(|role| !self.via.contains(role)) {
            if self.via.len() < MOST_ROLES {
                self.via.push(role);
            } else {
                self.start = Err(TOO_MANY.to_owned());
            }
        }
        if self.evidence.len() == MOST_EVIDENCE {
            self.evidence.pop();
        }
        self.evidence.push(evidence);
        self
    }

    /// What is said of a session.
    pub(super) fn attribution(self, principal: Option<String>, is_service: bool) -> Attribution {
        let Self { start, grade, mut via, mut evidence, is_chained } = self;
        // A role may assume itself.
        via.retain(|role| Some(role) != principal.as_ref());
        evidence.retain(|event| !event.is_empty());
        evidence.sort();
        evidence.dedup();
        let (workload, grade, reason) = match start {
            // What a chain rests on is its weakest link.
            Ok((workload, own, reason)) => {
                let reason = match grade {
                    _ if !is_chained => reason,
                    Grade::Exact => BY_KEY,
                    Grade::Session if own < Grade::Session => BY_NAME,
                    _ => reason,
                };
                (Some(workload), grade, reason.to_owned())
            }
            Err(reason) if is_chained && reason != ENDLESS && reason != TOO_MANY => {
                (None, Grade::Unknown, format!("the session that opened it is not traced: {reason}"))
            }
            Err(reason) => (None, Grade::Unknown, reason),
        };
        Attribution { principal, workload, grade, via, evidence, reason, is_service }
    }
}

/// The origins of sessions that opened others, each worked out once.
#[derive(Default)]
pub(super) struct Origins(HashMap<usize, Origin>);

impl Origins {
    /// The origin of the session at a node that opened another one.
    pub(super) fn of(&mut self, resolver: &Resolver<'_>, node: usize) -> Origin {
        let (mut way, mut met) = (Vec::new(), HashSet::new());
        let mut current = node;
        let mut origin = loop {
            if let Some(known) = self.0.get(&current) {
                break known.clone();
            }
            if !met.insert(current) {
                break Origin::endless();
            }
            match resolver.step(current, true) {
                Step::Parent { node: parent, grade, evidence } => {
                    way.push((current, parent, grade, evidence));
                    current = parent;
                }
                end => break Origin::of(end),
            }
        };
        for (child, parent, grade, evidence) in way.into_iter().rev() {
            origin = origin.through(resolver.role_at(parent), grade, evidence);
            self.0.insert(child, origin.clone());
        }
        origin
    }
}
