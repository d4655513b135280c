//! Shorter action lists by prefix wildcards.
//!
//! A prefix stands for the actions below it when the catalog holds no other action there (or, where `--max-excess` allows it and nothing else fits, only few others
//! that the old statement granted as well and that do not manage permissions) and when one old statement grants the
//! wildcard itself on the same resources under no more conditions: so neither today's nor tomorrow's actions are new.

use std::collections::BTreeSet;

use super::assemble::Piece;
use super::effort::{Effort, Stopped};
use super::grant::{Expander, Grant, union};
use super::pattern::Resources;
use crate::catalog::{ActionId, Levels};
use crate::ident::glob::Glob;
use crate::policy::{ActionElement, Effect, ResourceElement};

/// How many characters one action nobody asked for must save to be let in; `None` lets none in.
pub(super) type Price = Option<f64>;

/// How hard to press.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pressure {
    /// See [`Price`].
    pub(super) price: Price,
    /// Whether one name alone is cut short, too: the list is shorter then, and less readable.
    pub(super) singles: bool,
}

/// Nothing is let in, and a wildcard stands for several actions.
pub(super) const GENTLE: Pressure = Pressure { price: None, singles: false };

/// Nothing is let in, and the list is as short as prefixes make it.
pub(super) const SHORTEST: Pressure = Pressure { price: None, singles: true };

const fn letting_in(price: f64) -> Pressure {
    Pressure { price: Some(price), singles: true }
}

/// What is left when nothing else fits, from gentle to hard.
pub(super) const PRESSURES: [Pressure; 7] = [
    letting_in(256.0),
    letting_in(64.0),
    letting_in(24.0),
    letting_in(12.0),
    letting_in(6.0),
    letting_in(2.0),
    letting_in(0.25),
];

/// Statements, made ready to be written under different pressures.
pub(super) struct Press<'a> {
    pieces: Vec<(&'a Piece, Option<Lists<'a>>)>,
}

/// The actions of one statement: by service what is wanted by name, and patterns that stay as they are.
struct Lists<'a> {
    tries: Vec<Trie<'a>>,
    texts: Vec<String>,
}

impl<'a> Press<'a> {
    pub(super) fn new(
        pieces: &'a [Piece],
        grant: &'a Grant<'_>,
        expander: &'a Expander<'_>,
        effort: &Effort<'_>,
    ) -> Result<Self, Stopped> {
        let foreign = foreign(grant, expander);
        let one = |piece: &'a Piece| Ok((piece, Lists::of(piece, grant, &foreign, expander, effort)?));
        Ok(Self { pieces: pieces.iter().map(one).collect::<Result<_, _>>()? })
    }

    /// The statements under a pressure, and the number of actions let in that were not asked for.
    pub(super) fn pieces(&self, pressure: Pressure) -> (Vec<Piece>, usize) {
        let mut excess = 0;
        let written = |(piece, lists): &(&Piece, Option<Lists<'_>>)| {
            let mut piece = Piece::clone(piece);
            if let Some(lists) = lists {
                let (texts, more) = lists.written(pressure);
                excess += more;
                piece.statement.action = ActionElement::Only(texts);
            }
            piece
        };
        (self.pieces.iter().map(written).collect(), excess)
    }
}

impl<'a> Lists<'a> {
    /// `None` when the statement's actions stay as they are.
    fn of(
        piece: &Piece,
        grant: &'a Grant<'_>,
        foreign: &[(&str, Glob)],
        expander: &'a Expander<'_>,
        effort: &Effort<'_>,
    ) -> Result<Option<Self>, Stopped> {
        let statement = &piece.statement;
        let ActionElement::Only(actions) = &statement.action else { return Ok(None) };
        if statement.effect != Effect::Allow {
            return Ok(None);
        }
        let n_own = match &statement.resource {
            Some(ResourceElement::Only(patterns) | ResourceElement::Except(patterns)) => {
                patterns.len().max(1)
            }
            None => 1,
        };
        let n_old: usize = grant.allows.iter().map(|old| old.resources.patterns.len().max(1)).sum();
        effort.spend(n_own.saturating_mul(n_old))?;
        let resources = Resources::new(statement.resource.as_ref(), piece.version);
        let hosts: Vec<_> = grant
            .allows
            .iter()
            .filter(|old| {
                old.statement.conditions.iter().all(|one| statement.conditions.contains(one))
                    && old.resources.contains_all(&resources)
            })
            .collect();
        let catalog = expander.catalog;
        let mut wanted: Vec<ActionId> = Vec::new();
        let mut texts: Vec<String> = Vec::new();
        for action in actions {
            match catalog.find(action) {
                Some(id) => wanted.push(id),
                None => texts.push(action.clone()),
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        // A wildcard lies only inside what has wildcards itself; each pattern is read once for all services.
        let (mut only, mut except) = (Vec::new(), Vec::new());
        for host in &hosts {
            match &host.statement.action {
                ActionElement::Only(patterns) => {
                    let open = patterns.iter().filter(|pattern| pattern.contains(['*', '?']));
                    only.extend(open.map(|pattern| Glob::ignoring_case(pattern)));
                }
                ActionElement::Except(patterns) => {
                    except.push(patterns.iter().map(|pattern| Glob::ignoring_case(pattern)).collect());
                }
            }
        }
        only.sort_unstable();
        only.dedup();
        // What was granted by a name the catalog does not know is nothing a wildcard may match unasked.
        let is_asked: BTreeSet<&str> = texts.iter().map(String::as_str).collect();
        let foreign = foreign.iter().filter(|(text, _)| !is_asked.contains(text));
        let foreign: Vec<Glob> = foreign.map(|(_, glob)| glob.clone()).collect();
        let granted = union(hosts.iter().copied());
        let mut tries = Vec::new();
        let mut rest = wanted.as_slice();
        while let Some(info) = rest.first().and_then(|id| catalog.info(*id)) {
            let service = info.action().service();
            let same =
                |id: &ActionId| catalog.info(*id).is_some_and(|info| info.action().service() == service);
            let n = rest.iter().take_while(|id| same(id)).count();
            let (own, others) = rest.split_at(n.max(1));
            rest = others;
            let names = catalog.expand(&format!("{service}:*")).into_iter().filter_map(|id| {
                let info = catalog.info(id)?;
                Some(Name {
                    text: info.action().name(),
                    wanted: own.binary_search(&id).is_ok(),
                    harmless: !info.levels().contains(Levels::PERMISSIONS_MANAGEMENT) && granted.contains(id),
                })
            });
            tries.push(Trie {
                service,
                names: names.collect(),
                grants: Grants::of(service, &only, &except, &foreign),
            });
        }
        Ok(Some(Self { tries, texts }))
    }

    fn written(&self, pressure: Pressure) -> (Vec<String>, usize) {
        let mut texts = self.texts.clone();
        let mut excess = 0;
        for trie in &self.tries {
            let best = trie.best(0, trie.names.len(), 0, pressure);
            excess += best.excess;
            texts.extend(best.texts);
        }
        texts.sort_by_cached_key(|text| text.to_ascii_lowercase());
        (texts, excess)
    }
}

/// The texts of the old statements that name no action of the catalog.
fn foreign<'a>(grant: &'a Grant<'_>, expander: &Expander<'_>) -> Vec<(&'a str, Glob)> {
    let patterns = grant.allows.iter().filter_map(|allow| match &allow.statement.action {
        ActionElement::Only(patterns) => Some(patterns),
        ActionElement::Except(_) => None,
    });
    let texts: BTreeSet<&str> = patterns.flatten().map(String::as_str).collect();
    let names_none =
        |text: &&str| expander.catalog.find(text).is_none() && expander.expand_pattern(text).is_empty();
    texts.into_iter().filter(names_none).map(|text| (text, Glob::ignoring_case(text))).collect()
}

/// Who would grant a wildcard of one service.
struct Grants {
    /// Somebody grants the whole service.
    all: bool,
    only: Vec<Glob>,
    except: Vec<Vec<Glob>>,
    /// What a wildcard must not meet.
    foreign: Vec<Glob>,
}

impl Grants {
    fn of(service: &str, only: &[Glob], except: &[Vec<Glob>], foreign: &[Glob]) -> Self {
        let all = Glob::ignoring_case(&format!("{service}:*"));
        let here = |patterns: &[Glob]| -> Vec<Glob> {
            patterns.iter().filter(|pattern| pattern.overlaps(&all)).cloned().collect()
        };
        let except: Vec<Vec<Glob>> = except.iter().map(|patterns| here(patterns)).collect();
        let whole = only.iter().any(|pattern| pattern.subsumes(&all)) || except.iter().any(Vec::is_empty);
        Self { all: whole, only: here(only), except, foreign: here(foreign) }
    }

    /// Whether a wildcard lies inside what was granted, and meets nothing unknown.
    fn hold(&self, text: &str) -> bool {
        if self.all && self.foreign.is_empty() {
            return true;
        }
        if !self.all && self.only.is_empty() && self.except.is_empty() {
            return false;
        }
        let glob = Glob::ignoring_case(text);
        let inside = || {
            self.only.iter().any(|pattern| pattern.subsumes(&glob))
                || self.except.iter().any(|patterns| !patterns.iter().any(|pattern| pattern.overlaps(&glob)))
        };
        (self.all || inside()) && !self.foreign.iter().any(|pattern| pattern.overlaps(&glob))
    }
}

/// One service's catalog names in order, which of them are wanted, and who would grant a wildcard.
struct Trie<'a> {
    service: &'a str,
    names: Vec<Name<'a>>,
    grants: Grants,
}

struct Name<'a> {
    text: &'a str,
    wanted: bool,
    /// May be let in unasked: some host grants it, and it manages no permissions.
    harmless: bool,
}

/// The cheapest way to write the wanted names of a range.
#[derive(Default)]
struct Best {
    cost: f64,
    texts: Vec<String>,
    excess: usize,
}

impl Trie<'_> {
    /// The names from `from` to `to` share their first `depth` characters. Depth is bounded by the longest name of the catalog.
    fn best(&self, from: usize, to: usize, depth: usize, pressure: Pressure) -> Best {
        let range = self.names.get(from..to).unwrap_or_default();
        let wanted = range.iter().filter(|name| name.wanted).count();
        let Some(first) = range.first().filter(|_| wanted > 0) else { return Best::default() };
        if let ([only], 1) = (range, wanted) {
            let text = format!("{}:{}", self.service, only.text);
            let whole = Best { cost: cost(&text), texts: vec![text], excess: 0 };
            // No other name has these first characters, unless this one ends before them.
            let longest = if pressure.singles { only.text.len() } else { depth };
            return match self.shortest(range, only.text, depth..longest, pressure) {
                Some(wildcard) if wildcard.cost < whole.cost => wildcard,
                _ => whole,
            };
        }
        let last = range.last().unwrap_or(first);
        let shared = first
            .text
            .bytes()
            .zip(last.text.bytes())
            .take_while(|(a, b)| a.eq_ignore_ascii_case(b))
            .count()
            .max(depth);
        let mut split = Best::default();
        let mut start = from;
        while start < to {
            let letter = |at: usize| {
                self.names
                    .get(at)
                    .and_then(|name| name.text.as_bytes().get(shared))
                    .map(u8::to_ascii_lowercase)
            };
            let head = letter(start);
            let end = (start + 1..to).find(|at| letter(*at) != head).unwrap_or(to);
            // A name that ends here has no further letter, and is a range of its own.
            let part = match head {
                Some(_) => self.best(start, end, shared + 1, pressure),
                None => self.best(start, start + 1, shared + 1, pressure),
            };
            let end = if head.is_none() { start + 1 } else { end };
            split.cost += part.cost;
            split.texts.extend(part.texts);
            split.excess += part.excess;
            start = end;
        }
        // What the range shares is more than what sets it apart: no other name goes on with its first `depth` letters.
        let least = if pressure.singles { depth } else { shared };
        match self.shortest(range, first.text, least..shared + 1, pressure) {
            Some(wildcard) if wildcard.cost < split.cost => wildcard,
            _ => split,
        }
    }

    /// The first of the beginnings of `name` with these lengths that may stand for the range.
    fn shortest(
        &self,
        range: &[Name<'_>],
        name: &str,
        mut lengths: std::ops::Range<usize>,
        pressure: Pressure,
    ) -> Option<Best> {
        lengths.find_map(|length| self.wildcard(range, name.get(..length)?, pressure))
    }

    fn wildcard(&self, range: &[Name<'_>], prefix: &str, pressure: Pressure) -> Option<Best> {
        let mut excess = 0;
        for name in range.iter().filter(|name| !name.wanted) {
            if pressure.price.is_none() || !name.harmless {
                return None;
            }
            excess += 1;
        }
        let text = format!("{}:{prefix}*", self.service);
        #[expect(clippy::cast_precision_loss, reason = "a number of actions of one service")]
        let cost = cost(&text) + pressure.price.unwrap_or_default() * excess as f64;
        self.grants.hold(&text).then(|| Best { cost, texts: vec![text], excess })
    }
}

/// Characters of one more text in a list.
fn cost(text: &str) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a length of an action")]
    let n = (text.len() + 3) as f64;
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::policy::{Policy, PolicyKind, Version, parse};

    fn policy(action: &str) -> Policy {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{action},"Resource":"*"}}]}}"#
        );
        parse(&text, PolicyKind::Identity).unwrap()
    }

    fn compressed(old: &str, wanted: &[&str], price: Price) -> (Vec<String>, usize) {
        pressed(old, wanted, Pressure { price, singles: false })
    }

    fn pressed(old: &str, wanted: &[&str], pressure: Pressure) -> (Vec<String>, usize) {
        let expander = Expander::new(Catalog::embedded());
        let old = policy(old);
        let grant = Grant::of([&old], &expander);
        let mut statement = old.statements[0].clone();
        statement.action = ActionElement::Only(wanted.iter().map(|action| (*action).to_owned()).collect());
        let pieces = [Piece { version: Version::V2012, statement }];
        let effort = Effort::new(1_000_000, None);
        let (pieces, excess) = Press::new(&pieces, &grant, &expander, &effort).unwrap().pieces(pressure);
        let ActionElement::Only(texts) = pieces[0].statement.action.clone() else { panic!("still a list") };
        (texts, excess)
    }

    #[test]
    fn a_wildcard_means_exactly_what_was_wanted() {
        let catalog = Catalog::embedded();
        for (old, wanted) in [
            ("\"*\"", "sqs:*"),
            ("\"sqs:*\"", "sqs:S*"),
            ("[\"sqs:*\",\"sns:*\"]", "s?s:*e*"),
            ("\"s3:*\"", "s3:*t*"),
        ] {
            let names: Vec<String> = catalog
                .expand(wanted)
                .into_iter()
                .map(|id| catalog.info(id).unwrap().action().to_string())
                .collect();
            let (texts, excess) =
                compressed(old, &names.iter().map(String::as_str).collect::<Vec<_>>(), None);
            let mut back: Vec<_> = texts.iter().flat_map(|text| catalog.expand(text)).collect();
            back.sort_unstable();
            back.dedup();
            assert_eq!((back, excess), (catalog.expand(wanted), 0), "{texts:?}");
            assert!(texts.len() <= names.len());
        }
        assert_eq!(
            compressed("\"*\"", &["sqs:SendMessage", "sqs:DeleteMessage"], None).0,
            ["sqs:DeleteMessage", "sqs:SendMessage"]
        );
    }

    #[test]
    fn a_list_never_becomes_a_wildcard() {
        let catalog = Catalog::embedded();
        let names: Vec<String> = catalog
            .expand("sqs:*")
            .into_iter()
            .map(|id| catalog.info(id).unwrap().action().to_string())
            .collect();
        let old = serde_json::to_string(&names).unwrap();
        let (texts, _) = compressed(&old, &names.iter().map(String::as_str).collect::<Vec<_>>(), Some(0.25));
        assert_eq!(texts.len(), names.len());
    }

    #[test]
    fn a_name_alone_is_cut_short_only_under_pressure_and_stays_itself() {
        let old = r#""sqs:*""#;
        let wanted = ["sqs:SendMessage", "sqs:TagQueue", "sqs:ListQueues"];
        assert_eq!(pressed(old, &wanted, GENTLE).0, ["sqs:ListQueues", "sqs:SendMessage", "sqs:TagQueue"]);
        let (short, excess) = pressed(old, &wanted, SHORTEST);
        assert_eq!((short.len(), excess), (3, 0));
        let catalog = Catalog::embedded();
        for (pattern, action) in short.iter().zip(["sqs:ListQueues", "sqs:SendMessage", "sqs:TagQueue"]) {
            assert_eq!(catalog.expand(pattern), [catalog.find(action).unwrap()], "{pattern}");
        }
        assert!(short.iter().any(|pattern| pattern.ends_with('*')), "{short:?}");
    }

    #[test]
    fn what_is_let_in_unasked_manages_no_permissions() {
        let catalog = Catalog::embedded();
        let reads: Vec<String> = catalog
            .expand("dynamodb:*")
            .into_iter()
            .map(|id| catalog.info(id).unwrap())
            .filter(|info| info.levels().is_read_only())
            .map(|info| info.action().to_string())
            .collect();
        let (texts, excess) =
            compressed("\"*\"", &reads.iter().map(String::as_str).collect::<Vec<_>>(), Some(0.25));
        assert!(excess > 0, "{texts:?}");
        for id in texts.iter().flat_map(|text| catalog.expand(text)) {
            let info = catalog.info(id).unwrap();
            assert!(!info.levels().contains(Levels::PERMISSIONS_MANAGEMENT), "{}", info.action());
        }
    }
}
