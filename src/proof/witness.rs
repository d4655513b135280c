//! From a region to a request a person can paste into a simulator.

use std::collections::{BTreeMap, HashMap};

use super::budget::Exhausted;
use super::conditions::Known;
use super::engine::{Engine, Region};
use super::pattern::{self, ANYTHING, Symbol, Token, is_letter};
use super::space;

/// One concrete request.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
pub struct Witness {
    /// The action: one AWS has, wherever one shows the same; else a made-up one in lower case.
    pub action: String,
    /// The resource: an ARN, or `*`.
    pub resource: String,
    /// `AWS:arn…`, `Service:…`, `Federated:…`; `None` when any principal the policies are attached to will do.
    pub principal: Option<String>,
    /// The condition keys of the request with their values. Keys not named are absent.
    pub context: BTreeMap<String, Vec<String>>,
}

/// How many ways of filling in a region are tried.
const ATTEMPTS: usize = 12;

/// Requests that should lie in the region; the caller checks them.
pub(super) fn requests(engine: &mut Engine, region: Region) -> Result<Vec<Witness>, Exhausted> {
    let mut found = Vec::new();
    let mut given = first_values(engine);
    for attempt in 0..ATTEMPTS {
        let (witness, used) = attempt_one(engine, region, &given, attempt)?;
        if let Some(witness) = witness
            && !found.contains(&witness)
        {
            found.push(witness);
        }
        // Next time: values that make a text common to all patterns.
        if attempt == 0
            && let Some(path) = engine.resources.wide_example(region.resource, &mut engine.meter)?
        {
            given = used;
            for list in engine.resources.positive_lists(region.resource) {
                for tokens in engine.resources.patterns_of(list) {
                    capture(&tokens, &path, &mut given);
                }
            }
        }
    }
    Ok(found)
}

/// A plausible value for each variable.
fn first_values(engine: &Engine) -> HashMap<Symbol, String> {
    engine
        .letters
        .all()
        .map(|(letter, variable)| {
            let value = if variable.key.ends_with("account") || variable.key.ends_with("accountid") {
                "111122223333".to_owned()
            } else {
                format!("value{}", letter.saturating_sub(pattern::FIRST_LETTER) + 1)
            };
            (letter, value)
        })
        .collect()
}

/// One attempt: a choice among the ways of each key, and values for the variables that follow from it.
fn attempt_one(
    engine: &mut Engine,
    region: Region,
    given: &HashMap<Symbol, String>,
    attempt: usize,
) -> Result<(Option<Witness>, HashMap<Symbol, String>), Exhausted> {
    let symbols = |text: &String| pattern::symbols(text).collect::<Vec<_>>();
    let lookup = |letter: Symbol| given.get(&letter).map(symbols);
    let groups = engine.conditions.examples(region.conditions, &lookup, &mut engine.meter)?;
    let mut context: BTreeMap<String, Option<Vec<String>>> = BTreeMap::new();
    for (index, (key, ways)) in groups.iter().enumerate() {
        // Attempt 0 and 1 take the first way of every key, then the last; later ones vary one key at a time.
        let choice = match attempt {
            0 | 1 => 0,
            2 | 3 => ways.len().saturating_sub(1),
            n if n - 4 == index => ways.len() / 2,
            n => (n >> (index % 8)) % ways.len().max(1),
        };
        let way = match ways.get(choice) {
            Some(Known::Absent) => None,
            Some(Known::Values(values)) => Some(values.clone()),
            _ => match ways.iter().find(|way| **way != Known::Somehow) {
                Some(Known::Values(values)) => Some(values.clone()),
                _ => None,
            },
        };
        context.insert(key.clone(), way);
    }
    // A variable has the value of its key.
    let mut values: HashMap<Symbol, String> = HashMap::new();
    let letters: Vec<(Symbol, crate::policy::Variable)> =
        engine.letters.all().map(|(letter, variable)| (letter, variable.clone())).collect();
    for (letter, variable) in letters {
        let free = given.get(&letter).cloned();
        let value = match (context.get(&variable.key), &variable.default) {
            (Some(Some(list)), _) if attempt != 1 && attempt != 3 => match list.as_slice() {
                [one] => Some(one.clone()),
                _ => variable.default.clone(),
            },
            (Some(None), default) => default.clone(),
            (None, Some(default)) if attempt.is_multiple_of(2) => Some(default.clone()),
            _ => {
                if let Some(free) = &free {
                    context.insert(variable.key.clone(), Some(vec![free.clone()]));
                }
                free
            }
        };
        if let Some(value) = value {
            values.insert(letter, value);
        }
    }
    let lookup = |letter: Symbol| values.get(&letter).map(symbols);
    let part = [Token::One { colon: false }, Token::Run { colon: false }];
    let arn = |partition: &str| -> Vec<Token> {
        let (any, colon) = (Token::Run { colon: false }, Token::Is(pattern::COLON));
        let mut tokens = pattern::plain("arn:");
        tokens.extend(if partition.is_empty() { part.to_vec() } else { pattern::plain(partition) });
        tokens.push(colon);
        tokens.extend(part);
        tokens.extend([colon, any, colon, any, colon, Token::One { colon: true }, ANYTHING]);
        tokens
    };
    let resource =
        engine.resources.example(region.resource, &lookup, &[arn("aws"), arn("")], &mut engine.meter)?;
    let action = engine.actions.example(region.action, &lookup, &[], &mut engine.meter)?;
    let principal = if region.principal == space::ALL {
        None
    } else {
        let liked = [
            pattern::glob("AWS:arn:aws:iam::*:role/?*"),
            pattern::glob("AWS:arn:*"),
            pattern::glob("Service:?*"),
        ];
        engine.principals.example(region.principal, &lookup, &liked, &mut engine.meter)?
    };
    let text = |symbols: Vec<Symbol>| symbols.into_iter().filter_map(char::from_u32).collect::<String>();
    let witness = match (resource, action) {
        (Some(resource), Some(action)) => Some(Witness {
            action: text(action),
            resource: text(resource),
            principal: principal.map(text),
            context: context.into_iter().filter_map(|(key, values)| Some((key, values?))).collect(),
        }),
        _ => None,
    };
    Ok((witness, values))
}

/// A letter with the stretch of text it took.
type Taken = (Symbol, usize, usize);

/// Finds what each letter of a pattern stands for in a text the widened pattern takes, and adds it to `values`.
fn capture(tokens: &[Token], text: &[Symbol], values: &mut HashMap<Symbol, String>) {
    if !tokens.iter().any(|token| matches!(token, Token::Is(symbol) if is_letter(*symbol))) {
        return;
    }
    // (token, place in the text, what the letters took so far); depth first, bounded.
    let mut stack: Vec<(usize, usize, Vec<Taken>)> = vec![(0, 0, Vec::new())];
    for _ in 0..20_000 {
        let Some((at, place, taken)) = stack.pop() else { return };
        let Some(token) = tokens.get(at) else {
            if place == text.len() {
                for (letter, from, to) in taken {
                    let value = text.get(from..to).unwrap_or_default();
                    values.insert(letter, value.iter().filter_map(|s| char::from_u32(*s)).collect());
                }
                return;
            }
            continue;
        };
        let here = text.get(place).copied();
        match token {
            Token::Is(symbol) if is_letter(*symbol) => {
                if let Some((_, from, to)) = taken.iter().find(|(letter, ..)| letter == symbol) {
                    let value = text.get(*from..*to).unwrap_or_default();
                    if text.get(place..).is_some_and(|rest| rest.starts_with(value)) {
                        stack.push((at + 1, place + value.len(), taken));
                    }
                    continue;
                }
                // The shortest non-empty value is tried first, so it goes on the stack last.
                for end in (place..=text.len()).rev() {
                    let mut taken = taken.clone();
                    taken.push((*symbol, place, end));
                    stack.push((at + 1, end, taken));
                }
            }
            Token::Is(symbol) if here == Some(*symbol) => stack.push((at + 1, place + 1, taken)),
            Token::Is(_) => {}
            Token::One { colon } => {
                if here.is_some_and(|symbol| *colon || symbol != pattern::COLON) {
                    stack.push((at + 1, place + 1, taken));
                }
            }
            Token::Run { colon } => {
                if here.is_some_and(|symbol| *colon || symbol != pattern::COLON) {
                    stack.push((at, place + 1, taken.clone()));
                }
                stack.push((at + 1, place, taken));
            }
        }
    }
}
