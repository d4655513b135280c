//! Resource patterns of statements, and what they have in common with what was used.

use crate::catalog::Resource;
use crate::ident::glob::{Colons, Glob, Piece, ShortArn};
use crate::policy::{ResourceElement, Template, TemplatePiece, Version};

/// One resource pattern under every reading of `*` and `:` (see [`Colons`]), with variables widened to `*`.
#[derive(Clone, Debug)]
pub(super) struct ResourcePattern<'a> {
    /// As written.
    pub(super) text: &'a str,
    /// One per reading; a pattern that is no ARN and cannot be padded to one matches nothing.
    readings: Vec<Glob>,
    /// Holds policy variables: what it matches depends on the request.
    pub(super) has_variables: bool,
}

impl<'a> ResourcePattern<'a> {
    /// Reads a pattern of an identity policy (or boundary) of this version.
    pub(super) fn new(text: &'a str, version: Version) -> Self {
        let template = Template::parse(text, version);
        let parts: Vec<Vec<Piece>> = template
            .arn_parts()
            .into_iter()
            .map(|part| {
                let widened = part.into_iter().map(|piece| match piece {
                    TemplatePiece::Plain(piece) => piece,
                    TemplatePiece::Variable(_) => Piece::AnyRun,
                });
                widened.collect()
            })
            .collect();
        let glob = |colons| Glob::from_arn_parts(parts.clone(), colons, ShortArn::Pad);
        let mut readings: Vec<Glob> = Colons::ALL.into_iter().filter_map(glob).collect();
        readings.dedup();
        Self { text, readings, has_variables: template.has_variables() }
    }

    /// Whether it is `*`.
    pub(super) fn is_everything(&self) -> bool {
        self.readings.iter().all(Glob::is_everything) && !self.readings.is_empty()
    }

    /// Whether it matches everything `other` does, under every reading and whatever the variables hold.
    pub(super) fn subsumes(&self, other: &ResourcePattern<'_>) -> bool {
        if self.text == other.text || self.is_everything() {
            return true;
        }
        // Equal variables in both would often do, but telling so is the prover's work.
        !self.has_variables && {
            // A list of readings that fell together stands for all of them.
            let n = self.readings.len().max(other.readings.len());
            n > 0
                && (0..n).all(|index| {
                    let both = at(&self.readings, index).zip(at(&other.readings, index));
                    both.is_some_and(|(own, theirs)| own.subsumes(theirs))
                })
        }
    }

    /// Whether some text may match both, under some reading and for some values of the variables.
    pub(super) fn overlaps(&self, other: &ResourcePattern<'_>) -> bool {
        self.readings.iter().any(|own| other.readings.iter().any(|theirs| own.overlaps(theirs)))
    }

    /// Whether it matches this text under some reading and for some values of the variables.
    pub(super) fn may_match(&self, text: &str) -> bool {
        self.readings.iter().any(|glob| glob.matches(text))
    }
}

/// The pattern under one reading.
fn at(readings: &[Glob], index: usize) -> Option<&Glob> {
    readings.get(index).or(readings.first())
}

/// A resource that was used, read once.
#[derive(Clone, Debug)]
pub(super) struct Asked<'a> {
    resource: &'a Resource,
    /// Of an ARN.
    pattern: Option<ResourcePattern<'a>>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(resource: &'a Resource) -> Self {
        let pattern = match resource {
            // An ARN from an event is no policy text: `${` in it is plain, `*` is what the event does not tell.
            Resource::Arn(text) => Some(ResourcePattern::new(text, Version::V2008)),
            _ => None,
        };
        Self { resource, pattern }
    }
}

/// How far a statement's resources reach what was used.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Reach {
    /// Not at all.
    No,
    /// It depends on what the event does not tell, or on a variable.
    Maybe,
    /// Wholly.
    Whole,
}

/// The resource element of a statement, read once.
#[derive(Clone, Debug)]
pub(super) struct Resources<'a> {
    pub(super) patterns: Vec<ResourcePattern<'a>>,
    /// `NotResource`.
    pub(super) except: bool,
}

impl<'a> Resources<'a> {
    /// Reads an element; a missing one means everything, as in trust policies.
    pub(super) fn new(element: Option<&'a ResourceElement>, version: Version) -> Self {
        let (texts, except): (&[String], bool) = match element {
            None => (&[], true),
            Some(ResourceElement::Only(texts)) => (texts, false),
            Some(ResourceElement::Except(texts)) => (texts, true),
        };
        let patterns = texts.iter().map(|text| ResourcePattern::new(text, version)).collect();
        Self { patterns, except }
    }

    /// Whether they are all resources.
    pub(super) fn is_everything(&self) -> bool {
        if self.except {
            self.patterns.is_empty()
        } else {
            self.patterns.iter().any(ResourcePattern::is_everything)
        }
    }

    /// How far they reach what was used.
    pub(super) fn reach(&self, used: &Asked<'_>) -> Reach {
        match (used.resource, &used.pattern) {
            (_, Some(pattern)) => self.reach_pattern(pattern),
            // An action without a resource type is asked for on `*`.
            (Resource::None, _) => {
                let named = self.patterns.iter().any(|pattern| pattern.may_match("*"));
                if named != self.except { Reach::Whole } else { Reach::No }
            }
            _ => {
                if self.is_everything() {
                    Reach::Whole
                } else {
                    Reach::Maybe
                }
            }
        }
    }

    fn reach_pattern(&self, used: &ResourcePattern<'_>) -> Reach {
        let whole = self.patterns.iter().any(|pattern| !pattern.has_variables && pattern.subsumes(used));
        let some = whole || self.patterns.iter().any(|pattern| pattern.overlaps(used));
        match (self.except, whole, some) {
            (false, true, _) | (true, _, false) => Reach::Whole,
            (false, _, false) | (true, true, _) => Reach::No,
            _ => Reach::Maybe,
        }
    }

    /// Whether this pattern lies inside, for sure.
    pub(super) fn contains(&self, pattern: &ResourcePattern<'_>) -> bool {
        if self.except {
            // An unresolved variable switches a `NotResource` off, so nothing is sure to be inside.
            self.patterns.iter().all(|excepted| !excepted.has_variables && !excepted.overlaps(pattern))
        } else {
            self.patterns.iter().any(|own| own.subsumes(pattern))
        }
    }

    /// Whether everything in `other` is in here, for sure.
    pub(super) fn contains_all(&self, other: &Resources<'_>) -> bool {
        if self.is_everything() {
            return true;
        }
        match (self.except, other.except) {
            (_, false) => other.patterns.iter().all(|pattern| self.contains(pattern)),
            // Everything but few is in everything but fewer.
            (true, true) => self.patterns.iter().all(|own| {
                !own.has_variables
                    && other.patterns.iter().any(|theirs| theirs.subsumes(own) && !theirs.has_variables)
            }),
            (false, true) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(texts: &[&str]) -> ResourceElement {
        ResourceElement::Only(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    fn except(texts: &[&str]) -> ResourceElement {
        ResourceElement::Except(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn how_far_a_statement_reaches_what_was_used() {
        let arn = |text: &str| Resource::Arn(text.to_owned());
        for (element, used, reach) in [
            (only(&["*"]), arn("arn:aws:s3:::b/k"), Reach::Whole),
            (only(&["arn:aws:s3:::b/*"]), arn("arn:aws:s3:::b/k"), Reach::Whole),
            (only(&["arn:aws:s3:::b/*"]), arn("arn:aws:s3:::c/k"), Reach::No),
            (only(&["arn:aws:s3:::b/${aws:username}/*"]), arn("arn:aws:s3:::b/x/k"), Reach::Maybe),
            // What the event does not tell stands as `*`.
            (
                only(&["arn:aws:ec2:eu-west-1:1:instance/i-1"]),
                arn("arn:aws:ec2:eu-west-1:1:instance/*"),
                Reach::Maybe,
            ),
            (only(&["arn:aws:ec2:*:1:instance/*"]), arn("arn:aws:ec2:eu-west-1:1:instance/*"), Reach::Whole),
            (except(&["arn:aws:s3:::b/*"]), arn("arn:aws:s3:::b/k"), Reach::No),
            (except(&["arn:aws:s3:::b/*"]), arn("arn:aws:s3:::c/k"), Reach::Whole),
            (except(&["arn:aws:s3:::b/${aws:username}"]), arn("arn:aws:s3:::b/k"), Reach::Maybe),
            (only(&["*"]), Resource::None, Reach::Whole),
            (only(&["arn:aws:s3:::b"]), Resource::None, Reach::No),
            (except(&["arn:aws:s3:::b"]), Resource::None, Reach::Whole),
            (only(&["arn:aws:s3:::b"]), Resource::Unknown("x"), Reach::Maybe),
        ] {
            let found = Resources::new(Some(&element), Version::V2012).reach(&Asked::new(&used));
            assert_eq!(found, reach, "{element:?} {used:?}");
        }
    }

    #[test]
    fn variables_are_plain_text_in_old_policies() {
        let element = only(&["arn:aws:s3:::b/${aws:username}"]);
        let used = Resource::Arn("arn:aws:s3:::b/${aws:username}".to_owned());
        assert_eq!(Resources::new(Some(&element), Version::V2008).reach(&Asked::new(&used)), Reach::Whole);
    }

    #[test]
    fn inclusion_is_claimed_only_when_sure() {
        for (wide, narrow, contained) in [
            (only(&["*"]), only(&["arn:aws:s3:::b/*"]), true),
            (only(&["arn:aws:s3:::b*"]), only(&["arn:aws:s3:::b/*", "arn:aws:s3:::b"]), true),
            (only(&["arn:aws:s3:::b/*"]), only(&["arn:aws:s3:::b*"]), false),
            (except(&["arn:aws:s3:::b/*"]), only(&["arn:aws:s3:::c/*"]), true),
            (except(&["arn:aws:s3:::b/*"]), except(&["arn:aws:s3:::b*"]), true),
            (except(&["arn:aws:s3:::b*"]), except(&["arn:aws:s3:::b/*"]), false),
            (except(&["arn:aws:s3:::${aws:username}"]), only(&["arn:aws:s3:::c"]), false),
            (only(&["arn:aws:s3:::b/*"]), except(&["arn:aws:s3:::c"]), false),
            (only(&["arn:aws:s3:::${aws:username}/a*"]), only(&["arn:aws:s3:::${aws:username}/a*"]), true),
            // Crossing colons, this short pattern would reach the account part; not crossing, it would not.
            (only(&["arn:aws:iam::1*:role/x"]), only(&["arn:aws:iam::12:role/x"]), true),
        ] {
            let read = |element| Resources::new(Some(element), Version::V2012);
            assert_eq!(read(&wide).contains_all(&read(&narrow)), contained, "{wide:?} {narrow:?}");
        }
    }
}
