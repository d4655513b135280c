//! From statements to documents within IAM's quotas.

use std::collections::BTreeMap;

use super::assemble::Piece;
use super::{Attach, Quotas};
use crate::policy::{ActionElement, Policy, ResourceElement, Statement, Version, size};

/// A document and how it is attached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Document {
    pub(super) attach: Attach,
    pub(super) policy: Policy,
    pub(super) characters: usize,
}

/// Statements that do not fit.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the statements need {characters} characters, and the role's policies can hold {room}{}", way_out(*fits_with))]
pub(super) struct TooLarge {
    pub(super) characters: usize,
    pub(super) room: usize,
    /// They would fit, had so many granted actions that nothing calls for been let in.
    pub(super) fits_with: Option<usize>,
}

fn way_out(fits_with: Option<usize>) -> String {
    fits_with.map_or_else(String::new, |excess| {
        format!("; with `--max-excess {excess}` they fit, and so many unused actions stay granted")
    })
}

/// Puts the statements into one inline document if they fit, else into managed documents, the rest into an inline one.
///
/// Statements keep their order, so that a document holds neighbouring services; those that need version 2008 get documents of
/// their own. Nothing is left out: what cannot be placed is an error.
pub(super) fn pack(pieces: &[Piece], quotas: &Quotas) -> Result<Vec<Document>, TooLarge> {
    if pieces.is_empty() {
        return Ok(Vec::new());
    }
    let whole = by_version(pieces);
    let total: usize = whole.iter().map(size).sum();
    if total <= quotas.inline_total {
        return Ok(whole.into_iter().map(|policy| document(Attach::Inline, policy)).collect());
    }
    let mut documents: Vec<Document> = Vec::new();
    for policy in whole {
        documents.extend(
            fill(policy, quotas.managed)?.into_iter().map(|policy| document(Attach::Managed, policy)),
        );
    }
    if documents.len() <= quotas.managed_policies {
        return Ok(documents);
    }
    // The smallest go inline, as many as there is room for.
    let mut order: Vec<usize> = (0..documents.len()).collect();
    order.sort_by_key(|index| documents.get(*index).map(|document| document.characters));
    let (mut surplus, mut room) = (documents.len() - quotas.managed_policies, quotas.inline_total);
    for index in order {
        if let Some(document) = documents.get_mut(index)
            && surplus > 0
            && document.characters <= room
        {
            document.attach = Attach::Inline;
            room -= document.characters;
            surplus -= 1;
        }
    }
    if surplus == 0 { Ok(documents) } else { Err(too_large(total, quotas)) }
}

fn too_large(characters: usize, quotas: &Quotas) -> TooLarge {
    TooLarge {
        characters,
        room: quotas.managed * quotas.managed_policies + quotas.inline_total,
        fits_with: None,
    }
}

fn document(attach: Attach, policy: Policy) -> Document {
    Document { attach, characters: size(&policy), policy }
}

/// The statements as documents of any size, one for each version they need.
pub(super) fn by_version(pieces: &[Piece]) -> Vec<Policy> {
    let mut policies: BTreeMap<std::cmp::Reverse<Version>, Vec<Statement>> = BTreeMap::new();
    for piece in pieces {
        policies.entry(std::cmp::Reverse(piece.version)).or_default().push(piece.statement.clone());
    }
    policies.into_iter().map(|(version, statements)| Policy::of(version.0, statements)).collect()
}

/// Cuts a document into documents of at most `limit` characters.
fn fill(whole: Policy, limit: usize) -> Result<Vec<Policy>, TooLarge> {
    let version = whole.version;
    let empty = size(&Policy::of(version, Vec::new()));
    let length = |statement: &Statement| size(&Policy::of(version, vec![statement.clone()])) - empty + 1;
    let mut documents: Vec<(usize, Vec<Statement>)> = Vec::new();
    for statement in whole.statements {
        for part in cut(statement, limit.saturating_sub(empty + 1), &length)? {
            let n = length(&part);
            match documents.iter_mut().find(|(used, _)| used + n <= limit) {
                Some((used, statements)) => {
                    *used += n;
                    statements.push(part);
                }
                None => documents.push((empty + n, vec![part])),
            }
        }
    }
    Ok(documents.into_iter().map(|(_, statements)| Policy::of(version, statements)).collect())
}

/// Cuts a statement that is too long along its actions, or its resources; conditions stay with every part.
fn cut(
    statement: Statement,
    limit: usize,
    length: &impl Fn(&Statement) -> usize,
) -> Result<Vec<Statement>, TooLarge> {
    let mut done: Vec<Statement> = Vec::new();
    let mut todo = vec![statement.clone()];
    while let Some(next) = todo.pop() {
        let n = length(&next);
        if n <= limit {
            done.push(next);
            continue;
        }
        let Some((first, second)) = halves(&next, n - limit) else {
            return Err(TooLarge { characters: n, room: limit, fits_with: None });
        };
        todo.push(second);
        todo.push(first);
    }
    if let (Some(sid), 2..) = (&statement.sid, done.len()) {
        for (part, number) in done.iter_mut().zip(1..) {
            part.sid = Some(format!("{sid}Part{number}"));
        }
    }
    Ok(done)
}

/// Two statements that say together what one said, cut along the longer list; the first is as long as `surplus` characters too many allow.
/// Lists of what is excepted cannot be cut.
fn halves(statement: &Statement, surplus: usize) -> Option<(Statement, Statement)> {
    let characters = |texts: &[String]| texts.iter().map(|text| text.len() + 3).sum::<usize>();
    let actions = match &statement.action {
        ActionElement::Only(actions) if actions.len() > 1 => Some(actions),
        _ => None,
    };
    let patterns = match &statement.resource {
        Some(ResourceElement::Only(patterns)) if patterns.len() > 1 => Some(patterns),
        _ => None,
    };
    let (mut first, mut second) = (statement.clone(), statement.clone());
    match (actions, patterns) {
        (Some(actions), patterns)
            if patterns.is_none_or(|patterns| characters(patterns) <= characters(actions)) =>
        {
            let (a, b) = actions.split_at(cut_point(actions, surplus));
            first.action = ActionElement::Only(a.to_vec());
            second.action = ActionElement::Only(b.to_vec());
        }
        (_, Some(patterns)) => {
            let (a, b) = patterns.split_at(cut_point(patterns, surplus));
            first.resource = Some(ResourceElement::Only(a.to_vec()));
            second.resource = Some(ResourceElement::Only(b.to_vec()));
        }
        _ => return None,
    }
    Some((first, second))
}

/// How many of the texts may stay so that at least `surplus` characters go; the half when none could.
fn cut_point(texts: &[String], surplus: usize) -> usize {
    let mut gone = 0;
    let going = texts.iter().rev().take_while(|text| {
        let more = gone < surplus;
        gone += text.len() + 3;
        more
    });
    match texts.len() - going.count() {
        0 => texts.len() / 2,
        staying => staying,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Effect;

    fn piece(n_actions: usize, n_resources: usize) -> Piece {
        let list = |what: &str, n: usize| (0..n).map(|i| format!("{what}{i:05}")).collect::<Vec<_>>();
        let statement = Statement {
            sid: Some("Work".to_owned()),
            effect: Effect::Allow,
            principal: None,
            action: ActionElement::Only(list("sqs:Action", n_actions)),
            resource: Some(ResourceElement::Only(list(
                "arn:aws:sqs:eu-west-1:111122223333:queue",
                n_resources,
            ))),
            conditions: Vec::new(),
            has_unknown: false,
        };
        Piece { version: Version::V2012, statement }
    }

    fn pairs(statements: &[Statement]) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for statement in statements {
            let (ActionElement::Only(actions), Some(ResourceElement::Only(patterns))) =
                (&statement.action, &statement.resource)
            else {
                panic!("lists only")
            };
            pairs.extend(actions.iter().flat_map(|a| patterns.iter().map(move |p| (a.clone(), p.clone()))));
        }
        pairs.sort();
        pairs
    }

    #[test]
    fn documents_stay_within_their_quotas_and_say_the_same() {
        let quotas = Quotas::default();
        for (n_actions, n_resources, attach) in [
            (1, 1, Attach::Inline),
            (400, 1, Attach::Inline),
            (600, 1, Attach::Managed),
            (600, 80, Attach::Managed),
        ] {
            let piece = piece(n_actions, n_resources);
            let documents = pack(std::slice::from_ref(&piece), &quotas).unwrap();
            let statements: Vec<_> =
                documents.iter().flat_map(|document| document.policy.statements.clone()).collect();
            assert_eq!(pairs(&statements), pairs(&[piece.statement]));
            assert!(documents.len() <= quotas.managed_policies);
            for document in &documents {
                assert_eq!(document.attach, attach);
                assert_eq!(document.characters, size(&document.policy));
                let limit = if attach == Attach::Inline { quotas.inline_total } else { quotas.managed };
                assert!(document.characters <= limit, "{} > {limit}", document.characters);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error_and_not_a_loss() {
        assert!(pack(&[piece(5_000, 1)], &Quotas::default()).is_err());
        let one_long_name = Quotas { managed: 100, inline_total: 100, ..Quotas::default() };
        assert!(pack(&[piece(1, 1)], &one_long_name).is_err());
        assert_eq!(pack(&[], &Quotas::default()), Ok(Vec::new()));
    }
}
