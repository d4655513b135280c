//! Can several things be done by one session, one after the other?

use super::budget::Exhausted;
use super::conditions::{NEVER, NO_CONDITION, SetId};
use super::effective::{LayeredGrant, OneReading};
use super::engine::{Block, Region};
use super::literal::Test;
use super::pattern::{self, Reading, Token};
use super::space::EMPTY;
use crate::ident::Action;
use crate::policy::Version;

/// One thing to be done.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// By this action.
    pub action: &'a Action,
    /// On one of these: ARNs, `*` standing for any text in its part; `*` alone is what an action without a resource is asked for on.
    pub resources: Vec<String>,
    /// Condition keys of the request with their values; a key that is not named is free.
    pub context: Vec<(&'a str, &'a str)>,
}

/// Two steps that must act on one resource.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Their places among the steps.
    pub steps: (usize, usize),
    /// What the resource looks like: ARNs, `*` standing for any text in its part.
    pub formats: Vec<String>,
}

/// Whether steps go together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Together {
    /// Enough is left of every step, on resources and under conditions that go together.
    Possible,
    /// For sure not.
    Impossible,
    /// Neither could be shown; the reason, as a clause.
    Undecided(String),
}

/// Pieces of a step's grant that are tried with those of the others.
const PIECES: usize = 16;

/// Combinations that are tried.
const COMBINATIONS: usize = 20_000;

/// Condition keys whose values a session keeps: what holds for one step holds for all.
fn is_of_session(key: &str) -> bool {
    const KEYS: [&str; 8] = [
        "aws:federatedprovider",
        "aws:multifactorauthpresent",
        "aws:sourceidentity",
        "aws:tokenissuetime",
        "aws:userid",
        "aws:username",
        "ec2:sourceinstancearn",
        "lambda:sourcefunctionarn",
    ];
    key.starts_with("aws:principal") || KEYS.contains(&key)
}

/// Condition keys that two steps on one resource have in common.
fn is_of_resource(key: &str) -> bool {
    is_of_session(key) || key == "aws:requestedregion" || key == "aws:resourceaccount"
}

impl LayeredGrant {
    /// Whether the layers leave enough of every step that one session can do them all.
    pub fn together(&mut self, steps: &[Step<'_>], shared: &[Shared]) -> Together {
        let mut answer = Together::Impossible;
        for (index, one) in self.readings().iter_mut().enumerate() {
            let found = one.together(steps, shared);
            let found = found.unwrap_or_else(|exhausted| Together::Undecided(exhausted.to_string()));
            // Nothing may hide behind a reading: every one of them would have to say no.
            match found {
                Together::Impossible => {}
                Together::Possible if index == 0 => return Together::Possible,
                Together::Possible => {
                    return Together::Undecided(format!("possible if {}", one.engine.reading().describe()));
                }
                undecided => answer = undecided,
            }
        }
        answer
    }
}

impl OneReading {
    fn together(&mut self, steps: &[Step<'_>], shared: &[Shared]) -> Result<Together, Exhausted> {
        let mut is_cut = false;
        let mut left: Vec<Vec<Region>> = Vec::new();
        for step in steps {
            let matching = self.matching(step.action)?;
            let speaking = self.speaking(step.action, &matching)?;
            let resources: Vec<_> = step.resources.iter().map(|text| self.pattern(text)).collect();
            let literals = step
                .context
                .iter()
                .map(|(key, value)| self.engine.conditions.bare(key, Test::Fact(vec![(*value).to_owned()])))
                .collect();
            let scope = Block {
                principal: None,
                action: (false, self.engine.actions.list([])),
                resource: Some((true, self.engine.resources.list(resources))),
                owner: None,
                literals,
            };
            let pieces = self.left_of(&speaking, &scope, PIECES)?;
            if pieces.is_empty() {
                return Ok(Together::Impossible);
            }
            is_cut |= pieces.len() >= PIECES;
            left.push(pieces);
        }
        // (the step to choose a piece for, the pieces chosen, what they ask of the session)
        let mut open: Vec<(Vec<Region>, SetId)> = vec![(Vec::new(), NO_CONDITION)];
        let mut tried = 0;
        while let Some((chosen, session)) = open.pop() {
            tried += 1;
            if tried > COMBINATIONS {
                return Ok(Together::Undecided("its steps go together in too many ways to try".to_owned()));
            }
            let Some(pieces) = left.get(chosen.len()) else { return Ok(Together::Possible) };
            for piece in pieces.iter().rev() {
                let engine = &mut self.engine;
                let joint =
                    engine.conditions.join(session, piece.conditions, is_of_session, &mut engine.meter)?;
                if joint == NEVER || !self.fits(&chosen, *piece, shared)? {
                    continue;
                }
                open.push((chosen.iter().copied().chain([*piece]).collect(), joint));
            }
        }
        Ok(match is_cut {
            true => Together::Undecided("a step is granted in more ways than are tried".to_owned()),
            false => Together::Impossible,
        })
    }

    /// A text of a step's resources; no part of an ARN runs over into the next.
    fn pattern(&mut self, text: &str) -> Vec<Token> {
        match text {
            "*" => pattern::plain(text),
            text => pattern::arn(text, Version::V2008, Reading::DOCUMENTED, &mut self.engine.letters),
        }
    }

    /// Whether a piece can act on the resources it shares with those chosen before.
    fn fits(&mut self, chosen: &[Region], piece: Region, shared: &[Shared]) -> Result<bool, Exhausted> {
        let own = chosen.len();
        for one in shared {
            let other = match one.steps {
                (a, b) if a == own => b,
                (a, b) if b == own => a,
                _ => continue,
            };
            let Some(other) = chosen.get(other) else { continue };
            let formats: Vec<_> = one.formats.iter().map(|text| self.pattern(text)).collect();
            let engine = &mut self.engine;
            let formats = engine.resources.list(formats);
            let both = engine.resources.meeting_of(piece.resource, other.resource, &mut engine.meter)?;
            if engine.resources.and(both, true, formats, &mut engine.meter)? == EMPTY {
                return Ok(false);
            }
            let conditions = &mut engine.conditions;
            let joint = conditions.join(NO_CONDITION, piece.conditions, is_of_resource, &mut engine.meter)?;
            if conditions.join(joint, other.conditions, is_of_resource, &mut engine.meter)? == NEVER {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
