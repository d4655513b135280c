//! Keeps memory bounded by keys: where a bucket, log group or the like shows too many distinct resources, they become
//! prefix patterns.
//!
//! INVARIANT: what a set of resources folds to is a function of the whole set, so the order of records, the split over
//! workers and the order of merges do not matter. Each parent stands on a fixed ladder of levels (everything exact, then
//! eight path segments, seven, … none); it goes down a step when the distinct forms at its level exceed the cap. Forms of
//! a lower level are functions of those above, and the number of distinct forms only falls going down and only grows with
//! the set; so wherever a worker stands, the final level is the highest one at which the whole set fits.

use hashbrown::{HashMap, HashSet};

use super::denial;
use super::text::{Pair, Texts, Triple};
use super::{CallOutcome, DenialFacts, Text};
use crate::catalog::{Need, Needs, Resource};

/// How much a ledger keeps exact.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Caps {
    /// Distinct resources under one parent (a type of an account's Region, such as its functions).
    pub resources: usize,
    /// Distinct objects in one S3 bucket: no policy lists so many, and a bucket has no end of them.
    pub objects: usize,
    /// Distinct values of one condition key of one action.
    pub values: usize,
    /// Distinct refusal messages of one API and error code.
    pub messages: usize,
    /// Rows up to which folding is left to the end; changes memory and time, never the result.
    pub rows: usize,
    /// Sessions up to which none is put aside; changes memory and time, never the result.
    pub sessions: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { resources: 4_096, objects: 256, values: 64, messages: 1_024, rows: 1 << 12, sessions: 1 << 13 }
    }
}

impl Caps {
    /// The cap under a parent.
    fn below(&self, parent: &str) -> usize {
        let is_bucket = parent.starts_with("arn:") && parent.contains(":s3:::");
        if is_bucket { self.objects } else { self.resources }
    }
}

/// What a [`FoldRow`] is about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FoldKind {
    /// Resources under one parent, told first in the row's place.
    Resource,
    /// A condition key of an action, both told in the row's place: its values varied.
    Value,
    /// The messages of an API's refusals: source, name and error code are told in the row's place.
    Message,
}

/// One part of what a ledger folded, for whoever writes ledgers down.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FoldRow {
    /// See [`FoldKind`].
    pub kind: FoldKind,
    /// Unused parts are empty.
    pub place: [Text; 3],
    /// How far it is folded: lower is more.
    pub level: u8,
    /// What stays, what is common to all that follows it, and whether more than one thing has this form.
    pub form: Option<(Text, Text, bool)>,
}

/// Everything exact.
const EXACT: u8 = u8::MAX;
/// The first step down: this many segments below the parent stay.
const DEEPEST: u8 = 8;

/// What was met so far, and how far it is folded.
#[derive(Clone, Debug, Default)]
pub(super) struct Folds {
    caps: Caps,
    resources: HashMap<Text, Parent>,
    values: HashMap<(Text, Text), Values>,
    messages: HashMap<(Text, Text, Text), Messages>,
    /// A level fell since the last [`Folds::take_fallen`].
    fallen: bool,
}

/// The resources under one parent.
#[derive(Clone, Debug)]
struct Parent {
    level: u8,
    /// By the part that stays at this level; the longest common prefix of all that follows it.
    forms: HashMap<Text, Tail>,
}

/// What is common to all resources of one form.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Tail {
    common: Text,
    /// More than one resource has this form: `common` is followed by `*`.
    several: bool,
}

#[derive(Clone, Debug)]
enum Values {
    Few(HashSet<Text>),
    /// The key varied: downstream leaves such keys out, and so do we.
    Varied,
}

#[derive(Clone, Debug)]
enum Messages {
    Whole(HashSet<Text>),
    WithoutNames(HashSet<Text>),
    /// Not even the wording repeats.
    None,
}

/// Parent and rest of a resource: a bucket and the key, a type and the name. Both parts together are the text.
///
/// ARNs that are patterns already are texts like others.
fn split(arn: &str) -> (&str, &str) {
    let mut colons = arn.bytes().enumerate().filter(|(_, byte)| *byte == b':');
    let resource = colons.nth(4).map_or(0, |(at, _)| at + 1);
    let tail = arn.get(resource..).unwrap_or_default();
    match separators(tail).next() {
        Some(at) => arn.split_at_checked(resource + at + 1).unwrap_or((arn, "")),
        None => (arn, ""),
    }
}

/// Where a name has its `/` and `:`.
fn separators(text: &str) -> impl Iterator<Item = usize> {
    memchr::memchr2_iter(b'/', b':', text.as_bytes())
}

/// `rest` at a level: what stays, and what follows it.
fn at_level(rest: &str, level: u8) -> (&str, &str) {
    if level == EXACT {
        return (rest, "");
    }
    if level == 0 {
        return ("", rest);
    }
    let cut = separators(rest).nth(usize::from(level) - 1).map_or(rest.len(), |at| at + 1);
    rest.split_at_checked(cut).unwrap_or((rest, ""))
}

/// The longest common prefix of two texts, cut between characters.
fn common_prefix<'a>(a: &'a str, b: &str) -> &'a str {
    let mut end = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    while !a.is_char_boundary(end) {
        end -= 1;
    }
    a.get(..end).unwrap_or_default()
}

impl Parent {
    fn new() -> Self {
        Self { level: EXACT, forms: HashMap::new() }
    }

    /// Takes in one resource; `several` when it is itself a folded form (at this level or above).
    fn add(&mut self, rest: &str, several: bool, texts: &mut Texts) {
        let (head, tail) = at_level(rest, self.level);
        match self.forms.get_mut(head) {
            Some(known) if known.several && tail.starts_with(&*known.common) => {}
            Some(known) if *known.common == *tail && !several => {}
            Some(known) => {
                let common = common_prefix(&known.common, tail);
                if common.len() != known.common.len() {
                    known.common = texts.intern(common);
                }
                known.several = true;
            }
            None => {
                let tail = Tail { common: texts.intern(tail), several };
                self.forms.insert(texts.intern(head), tail);
            }
        }
    }

    /// Goes down the ladder while there is too much; true when it did.
    fn settle(&mut self, most: usize, texts: &mut Texts) -> bool {
        let mut fell = false;
        while self.forms.len() > most && self.level > 0 {
            self.lower(if self.level == EXACT { DEEPEST } else { self.level - 1 }, texts);
            fell = true;
        }
        fell
    }

    fn lower(&mut self, level: u8, texts: &mut Texts) {
        if level >= self.level {
            return;
        }
        self.level = level;
        let mut whole = String::new();
        for (head, tail) in std::mem::take(&mut self.forms) {
            whole.clear();
            whole.push_str(&head);
            whole.push_str(&tail.common);
            self.add(&whole, tail.several, texts);
        }
    }

    fn merge(&mut self, mut other: Self, most: usize, texts: &mut Texts) -> bool {
        let level = self.level.min(other.level);
        let fell = level < self.level;
        self.lower(level, texts);
        other.lower(level, texts);
        let mut whole = String::new();
        for (head, tail) in other.forms {
            whole.clear();
            whole.push_str(&head);
            whole.push_str(&tail.common);
            self.add(&whole, tail.several, texts);
        }
        self.settle(most, texts) || fell
    }

    /// The form of a resource met before, of which only the two parts given stay; `None` when it stays as it is.
    fn form<'r>(&self, rest: &'r str) -> Option<(&'r str, &'r str)> {
        if self.level == EXACT {
            return None;
        }
        let (head, tail) = at_level(rest, self.level);
        let known = self.forms.get(head).filter(|known| known.several)?;
        // All resources of the form begin with what is common to them.
        Some((head, tail.get(..known.common.trim_end_matches('*').len())?))
    }
}

impl Folds {
    pub(super) fn new(caps: Caps) -> Self {
        Self { caps, ..Self::default() }
    }

    /// Takes in what a row names. To be called for every distinct content, before any conflict is settled.
    pub(super) fn meet(&mut self, needs: &Needs, texts: &mut Texts) {
        for need in &needs.needs {
            for resource in &need.resources {
                let Resource::Arn(arn) = resource else { continue };
                let (head, rest) = split(arn);
                if rest.is_empty() {
                    continue;
                }
                let parent = match self.resources.get_mut(head) {
                    Some(parent) => parent,
                    None => self.resources.entry(texts.intern(head)).or_insert_with(Parent::new),
                };
                parent.add(rest, false, texts);
                self.fallen |= parent.settle(self.caps.below(head), texts);
            }
            for (key, value) in &need.context {
                let values = match self.values.get_mut(&Pair(need.action.as_str(), key)) {
                    Some(values) => values,
                    None => {
                        let place = (texts.intern(need.action.as_str()), texts.intern(key));
                        self.values.entry(place).or_insert_with(|| Values::Few(HashSet::new()))
                    }
                };
                if let Values::Few(known) = values
                    && !known.contains(value.as_str())
                {
                    known.insert(texts.intern(value));
                    self.fallen |= values.settle(self.caps.values);
                }
            }
        }
    }

    /// Takes in the message of a refused call.
    pub(super) fn meet_message(&mut self, api: (&str, &str), code: &str, message: &str, texts: &mut Texts) {
        let messages = match self.messages.get_mut(&Triple(api.0, api.1, code)) {
            Some(messages) => messages,
            None => {
                let place = (texts.intern(api.0), texts.intern(api.1), texts.intern(code));
                self.messages.entry(place).or_insert_with(|| Messages::Whole(HashSet::new()))
            }
        };
        messages.add(message, texts);
        self.fallen |= messages.settle(self.caps.messages, texts);
    }

    /// Needs in their present form; `None` when they stay as they are.
    pub(super) fn needs(&self, needs: &Needs) -> Option<Needs> {
        if !needs.needs.iter().any(|need| self.is_stale(need)) {
            return None;
        }
        let mut copy = needs.clone();
        self.fold(&mut copy).then_some(copy)
    }

    /// Whether anything a need says has another form by now.
    fn is_stale(&self, need: &Need) -> bool {
        let action = need.action.as_str();
        need.context.iter().any(|(key, _)| self.is_varied(action, key))
            || need.resources.iter().any(|resource| match resource {
                Resource::Arn(arn) => self.folded(arn).is_some(),
                _ => false,
            })
    }

    /// How much of an ARN stays, followed by `*`; `None` when it stays as it is.
    fn folded(&self, arn: &str) -> Option<usize> {
        let (head, rest) = split(arn);
        let (stays, common) = self.resources.get(head)?.form(rest)?;
        let length = head.len() + stays.len() + common.len();
        // Whatever followed the common part is now any text.
        (arn.get(length..) != Some("*")).then_some(length)
    }

    fn is_varied(&self, action: &str, key: &str) -> bool {
        matches!(self.values.get(&Pair(action, key)), Some(Values::Varied))
    }

    /// Brings needs into their present form; true when that changed them.
    pub(super) fn fold(&self, needs: &mut Needs) -> bool {
        let mut changed = false;
        for need in &mut needs.needs {
            let mut folded = false;
            for resource in &mut need.resources {
                let Resource::Arn(arn) = resource else { continue };
                if let Some(length) = self.folded(arn) {
                    arn.truncate(length);
                    arn.push('*');
                    folded = true;
                }
            }
            let n_keys = need.context.len();
            if n_keys > 0 {
                let action = need.action.as_str();
                need.context.retain(|(key, _)| !self.is_varied(action, key));
            }
            // Several resources of one call may have become one pattern.
            if folded && need.resources.len() > 1 {
                let mut seen = HashSet::new();
                need.resources.retain(|resource| seen.insert(resource.clone()));
            }
            changed |= folded || need.context.len() < n_keys;
        }
        changed
    }

    /// An outcome in its present form; `None` when it stays as it is.
    pub(super) fn outcome(&self, api: (&str, &str), outcome: &CallOutcome) -> Option<CallOutcome> {
        let CallOutcome::Denied(DenialFacts { code, message: Some(message) }) = outcome else { return None };
        let message = self.message(api, code, message)?.map(Text::from);
        Some(CallOutcome::Denied(DenialFacts { code: code.clone(), message }))
    }

    /// A refusal's message in its present form; `None` when it stays as it is.
    pub(super) fn message(&self, api: (&str, &str), code: &str, message: &str) -> Option<Option<String>> {
        match self.messages.get(&Triple(api.0, api.1, code))? {
            Messages::Whole(_) => None,
            Messages::WithoutNames(_) => Some(Some(denial::without_names(message))),
            Messages::None => Some(None),
        }
    }

    /// Whether a level fell since the last question: rows may have become equal.
    pub(super) fn take_fallen(&mut self) -> bool {
        std::mem::take(&mut self.fallen)
    }

    /// What is folded; what is not follows from the calls.
    pub(super) fn rows(&self) -> Vec<FoldRow> {
        let mut rows = Vec::new();
        let none = || Text::from("");
        for (head, parent) in &self.resources {
            if parent.level == EXACT {
                continue;
            }
            rows.extend(parent.forms.iter().map(|(form, tail)| FoldRow {
                kind: FoldKind::Resource,
                place: [head.clone(), none(), none()],
                level: parent.level,
                form: Some((form.clone(), tail.common.clone(), tail.several)),
            }));
        }
        for ((action, key), values) in &self.values {
            if matches!(values, Values::Varied) {
                let place = [action.clone(), key.clone(), none()];
                rows.push(FoldRow { kind: FoldKind::Value, place, level: 0, form: None });
            }
        }
        for ((source, name, code), messages) in &self.messages {
            let place = [source.clone(), name.clone(), code.clone()];
            let row = |form| FoldRow {
                kind: FoldKind::Message,
                place: place.clone(),
                level: messages.level(),
                form,
            };
            match messages {
                Messages::Whole(_) => {}
                Messages::WithoutNames(known) => {
                    rows.extend(known.iter().map(|text| row(Some((text.clone(), none(), false)))));
                }
                Messages::None => rows.push(row(None)),
            }
        }
        rows.sort_unstable();
        rows
    }

    /// Takes in what another ledger folded.
    pub(super) fn add(&mut self, row: &FoldRow, texts: &mut Texts) {
        let [a, b, c] = row.place.each_ref().map(|text| texts.intern(text));
        match row.kind {
            FoldKind::Resource => {
                let most = self.caps.below(&a);
                let parent = self.resources.entry(a).or_insert_with(Parent::new);
                parent.lower(row.level, texts);
                if let Some((head, common, several)) = &row.form {
                    parent.add(&format!("{head}{common}"), *several, texts);
                }
                parent.settle(most, texts);
            }
            FoldKind::Value => drop(self.values.insert((a, b), Values::Varied)),
            FoldKind::Message => {
                let messages =
                    self.messages.entry((a, b, c)).or_insert_with(|| Messages::Whole(HashSet::new()));
                messages.lower(row.level, texts);
                if let Some((message, ..)) = &row.form {
                    messages.add(message, texts);
                }
                messages.settle(self.caps.messages, texts);
            }
        }
        self.fallen = true;
    }

    pub(super) fn merge(&mut self, other: Self, texts: &mut Texts) {
        for (head, parent) in other.resources {
            let most = self.caps.below(&head);
            let own = self.resources.entry(head).or_insert_with(Parent::new);
            self.fallen |= own.merge(parent, most, texts);
        }
        for (place, values) in other.values {
            let own = self.values.entry(place).or_insert_with(|| Values::Few(HashSet::new()));
            match (&mut *own, values) {
                (Values::Few(own), Values::Few(theirs)) => own.extend(theirs),
                _ => *own = Values::Varied,
            }
            self.fallen |= own.settle(self.caps.values);
        }
        for (place, messages) in other.messages {
            let own = self.messages.entry(place).or_insert_with(|| Messages::Whole(HashSet::new()));
            own.lower(messages.level(), texts);
            if let Messages::Whole(theirs) | Messages::WithoutNames(theirs) = messages {
                theirs.iter().for_each(|message| own.add(message, texts));
            }
            self.fallen |= own.settle(self.caps.messages, texts);
        }
        self.fallen = true;
    }
}

impl Values {
    fn settle(&mut self, most: usize) -> bool {
        let fell = matches!(self, Self::Few(known) if known.len() > most);
        if fell {
            *self = Self::Varied;
        }
        fell
    }
}

impl Messages {
    fn level(&self) -> u8 {
        match self {
            Self::Whole(_) => 2,
            Self::WithoutNames(_) => 1,
            Self::None => 0,
        }
    }

    fn add(&mut self, message: &str, texts: &mut Texts) {
        match self {
            Self::Whole(known) => {
                known.insert(texts.intern(message));
            }
            Self::WithoutNames(known) => {
                known.insert(texts.intern(&denial::without_names(message)));
            }
            Self::None => {}
        }
    }

    fn lower(&mut self, level: u8, texts: &mut Texts) {
        if level < 2
            && let Self::Whole(known) = self
        {
            let known = std::mem::take(known);
            *self = Self::WithoutNames(HashSet::new());
            known.iter().for_each(|message| self.add(message, texts));
        }
        if level < 1 {
            *self = Self::None;
        }
    }

    fn settle(&mut self, most: usize, texts: &mut Texts) -> bool {
        let mut fell = false;
        while let Self::Whole(known) | Self::WithoutNames(known) = self
            && known.len() > most
        {
            self.lower(self.level() - 1, texts);
            fell = true;
        }
        fell
    }
}
