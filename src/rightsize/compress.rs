//! Shorter action lists by prefix wildcards.
//!
//! A prefix stands for the actions below it when the catalog holds no other action there (or, as a last resort, only few others
//! that the old statement granted as well and that do not manage permissions) and when one old statement grants the
//! wildcard itself on the same resources under no more conditions: so neither today's nor tomorrow's actions are new.

use super::assemble::Piece;
use super::grant::{Expander, Grant, GrantedStatement};
use super::pattern::Resources;
use crate::catalog::{ActionId, Levels};
use crate::ident::glob::Glob;
use crate::policy::{ActionElement, Effect, Statement, Version};

/// How many characters one action nobody asked for must save to be let in; `None` lets none in.
pub(super) type Price = Option<f64>;

/// How hard to press.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pressure {
    /// See [`Price`].
    pub(super) price: Price,
    /// Whether one name alone is cut short, too: the list is shorter then, and hardly readable.
    pub(super) singles: bool,
}

/// Nothing is let in, and a wildcard stands for several actions.
pub(super) const GENTLE: Pressure = Pressure { price: None, singles: false };

const fn harder(price: Price) -> Pressure {
    Pressure { price, singles: true }
}

/// From gentle to hard.
pub(super) const PRESSURES: [Pressure; 9] = [
    GENTLE,
    harder(None),
    harder(Some(256.0)),
    harder(Some(64.0)),
    harder(Some(24.0)),
    harder(Some(12.0)),
    harder(Some(6.0)),
    harder(Some(2.0)),
    harder(Some(0.25)),
];

/// Compresses the allow statements; gives the number of actions let in that were not asked for.
pub(super) fn compress(
    pieces: &[Piece],
    grant: &Grant<'_>,
    expander: &Expander<'_>,
    pressure: Pressure,
) -> (Vec<Piece>, usize) {
    let mut excess = 0;
    let shorter = |piece: &Piece| {
        let mut piece = piece.clone();
        excess += shorten(&mut piece.statement, piece.version, grant, expander, pressure);
        piece
    };
    (pieces.iter().map(shorter).collect(), excess)
}

fn shorten(
    statement: &mut Statement,
    version: Version,
    grant: &Grant<'_>,
    expander: &Expander<'_>,
    pressure: Pressure,
) -> usize {
    let ActionElement::Only(actions) = &statement.action else { return 0 };
    if statement.effect != Effect::Allow || actions.len() < 2 {
        return 0;
    }
    let resources = Resources::new(statement.resource.as_ref(), version);
    let hosts: Vec<_> = grant
        .allows
        .iter()
        .filter(|old| {
            old.statement.conditions.iter().all(|one| statement.conditions.contains(one))
                && old.resources.contains_all(&resources)
        })
        .collect();
    // By service: what is wanted by name. Patterns stay as they are.
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
    let mut excess = 0;
    let mut rest = wanted.as_slice();
    while let Some(info) = rest.first().and_then(|id| catalog.info(*id)) {
        let service = info.action().service();
        let same = |id: &ActionId| catalog.info(*id).is_some_and(|info| info.action().service() == service);
        let n = rest.iter().take_while(|id| same(id)).count();
        let (own, others) = rest.split_at(n.max(1));
        rest = others;
        let trie = Trie::new(service, own, &hosts, expander, pressure);
        let best = trie.best(0, trie.names.len(), 0);
        excess += best.excess;
        texts.extend(best.texts);
    }
    texts.sort_by_cached_key(|text| text.to_ascii_lowercase());
    statement.action = ActionElement::Only(texts);
    excess
}

/// One service's catalog names in order, which of them are wanted, and who would grant a wildcard.
struct Trie<'a> {
    service: &'a str,
    names: Vec<Name<'a>>,
    hosts: &'a [&'a GrantedStatement<'a>],
    pressure: Pressure,
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

impl<'a> Trie<'a> {
    fn new(
        service: &'a str,
        wanted: &[ActionId],
        hosts: &'a [&'a GrantedStatement<'a>],
        expander: &Expander<'a>,
        pressure: Pressure,
    ) -> Self {
        let catalog = expander.catalog;
        let name = |id: ActionId| {
            let info = catalog.info(id)?;
            Some(Name {
                text: info.action().name(),
                wanted: wanted.binary_search(&id).is_ok(),
                harmless: hosts.iter().any(|host| host.actions.contains(id))
                    && !info.levels().contains(Levels::PERMISSIONS_MANAGEMENT),
            })
        };
        let names = catalog.expand(&format!("{service}:*")).into_iter().filter_map(name).collect();
        Self { service, names, hosts, pressure }
    }

    /// The names from `from` to `to` share their first `depth` characters. Depth is bounded by the longest name of the catalog.
    fn best(&self, from: usize, to: usize, depth: usize) -> Best {
        let range = self.names.get(from..to).unwrap_or_default();
        let wanted = range.iter().filter(|name| name.wanted).count();
        let Some(first) = range.first().filter(|_| wanted > 0) else { return Best::default() };
        if let ([only], 1) = (range, wanted) {
            let text = format!("{}:{}", self.service, only.text);
            let whole = Best { cost: cost(&text), texts: vec![text], excess: 0 };
            // No other name has these first characters, unless this one ends before them.
            let short = only.text.get(..depth).filter(|text| self.pressure.singles && !text.is_empty());
            return match short.and_then(|prefix| self.wildcard(range, prefix)) {
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
                Some(_) => self.best(start, end, shared + 1),
                None => self.best(start, start + 1, shared + 1),
            };
            let end = if head.is_none() { start + 1 } else { end };
            split.cost += part.cost;
            split.texts.extend(part.texts);
            split.excess += part.excess;
            start = end;
        }
        match self.wildcard(range, first.text.get(..shared).unwrap_or_default()) {
            Some(wildcard) if wildcard.cost < split.cost => wildcard,
            _ => split,
        }
    }

    fn wildcard(&self, range: &[Name<'_>], prefix: &str) -> Option<Best> {
        let unasked = || range.iter().filter(|name| !name.wanted);
        let excess = unasked().count();
        let price = match self.pressure.price {
            None if excess > 0 => return None,
            price => price.unwrap_or_default(),
        };
        if unasked().any(|name| !name.harmless) {
            return None;
        }
        let text = format!("{}:{prefix}*", self.service);
        let glob = Glob::ignoring_case(&text);
        let granted = self.hosts.iter().any(|host| match &host.statement.action {
            ActionElement::Only(patterns) => {
                patterns.iter().any(|pattern| Glob::ignoring_case(pattern).subsumes(&glob))
            }
            ActionElement::Except(patterns) => {
                !patterns.iter().any(|pattern| Glob::ignoring_case(pattern).overlaps(&glob))
            }
        });
        #[expect(clippy::cast_precision_loss, reason = "a number of actions of one service")]
        let cost = cost(&text) + price * excess as f64;
        granted.then(|| Best { cost, texts: vec![text], excess })
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
    use crate::policy::{Policy, PolicyKind, parse};

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
        let (pieces, excess) = compress(&pieces, &grant, &expander, pressure);
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
        let (short, excess) = pressed(old, &wanted, harder(None));
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
