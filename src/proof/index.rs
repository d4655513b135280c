//! Which action clauses speak of an action.

use std::collections::{BTreeSet, HashMap};

use super::engine::Clause;
use super::pattern::{self, Token};
use super::space::{ListId, Space};
use crate::ident::Action;

/// Action patterns by what they start with, so that one action is compared with few of them.
#[derive(Debug, Default)]
pub(super) struct ActionIndex {
    /// Patterns that are one action, folded.
    exact: HashMap<String, Vec<ListId>>,
    /// Patterns with wildcards in the name only, by service.
    of_service: HashMap<String, Vec<(Vec<Token>, ListId)>>,
    /// Patterns with wildcards in the service.
    anywhere: Vec<(Vec<Token>, ListId)>,
    /// Patterns of the service that has most.
    most: usize,
    /// A clause excludes instead of listing.
    has_exclusions: bool,
}

/// The lists that hold an action; equal for actions that no statement tells apart.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Matching {
    lists: BTreeSet<ListId>,
    has_exclusions: bool,
}

impl Matching {
    /// Whether a clause speaks of the action.
    pub(super) fn admit(&self, (positive, list): Clause) -> bool {
        self.lists.contains(&list) == positive
    }

    /// Whether no clause does.
    pub(super) fn is_empty(&self) -> bool {
        self.lists.is_empty() && !self.has_exclusions
    }
}

impl ActionIndex {
    pub(super) fn new(actions: &Space, clauses: impl Iterator<Item = Clause>) -> Self {
        let mut index = Self::default();
        let mut lists = BTreeSet::new();
        for (positive, list) in clauses {
            index.has_exclusions |= !positive;
            lists.insert(list);
        }
        for list in lists {
            for tokens in actions.patterns_of(list) {
                let fixed: String = tokens
                    .iter()
                    .map_while(|token| match token {
                        Token::Is(symbol) => char::from_u32(*symbol),
                        _ => None,
                    })
                    .collect();
                if fixed.chars().count() == tokens.len() {
                    index.exact.entry(fixed).or_default().push(list);
                } else if let Some((service, _)) = fixed.split_once(':') {
                    index.of_service.entry(service.to_owned()).or_default().push((tokens, list));
                } else {
                    index.anywhere.push((tokens, list));
                }
            }
        }
        index.most = index.of_service.values().map(Vec::len).max().unwrap_or(0);
        index
    }

    /// Work that finding the lists of an action takes: the patterns of one service, and those of all, are held against it.
    pub(super) fn cost(&self) -> u64 {
        20 * (self.most + self.anywhere.len()) as u64
    }

    /// The lists that hold the action.
    pub(super) fn matching(&self, action: &Action) -> Matching {
        let text = action.as_str().to_lowercase();
        let mut lists: BTreeSet<ListId> =
            self.exact.get(&text).map(|lists| lists.iter().copied().collect()).unwrap_or_default();
        let service = text.split_once(':').map_or("", |(service, _)| service);
        let open = self.of_service.get(service).map(Vec::as_slice).unwrap_or_default();
        let symbols = pattern::plain(&text);
        for (tokens, list) in open.iter().chain(&self.anywhere) {
            let differs = tokens
                .iter()
                .zip(&symbols)
                .take_while(|(token, _)| matches!(token, Token::Is(_)))
                .any(|(token, own)| token != own);
            if !differs && !lists.contains(list) && pattern::takes(tokens, &symbols) {
                lists.insert(*list);
            }
        }
        Matching { lists, has_exclusions: self.has_exclusions }
    }
}
