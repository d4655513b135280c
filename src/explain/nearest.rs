//! Which of several expected values comes nearest to the actual one, and how the two differ.

use super::Nearest;
use crate::eval::trust::issuer;
use crate::ident::Arn;
use crate::ident::glob::Glob;

/// Longer texts are not compared letter by letter.
const LONGEST: usize = 512;
/// More letters apart than this is another word.
const FEW: usize = 3;
/// Values looked at; a policy of the largest size holds fewer.
const MOST_VALUES: usize = 1_000;

/// The nearest of `expected`; `None` when nothing sensible can be said about any of them. `wildcards` says that `*` and `?` are wildcards.
pub(super) fn nearest(expected: &[String], actual: &str, wildcards: bool) -> Option<Nearest> {
    expected
        .iter()
        .take(MOST_VALUES)
        .filter_map(|value| {
            let (rank, difference, detail) = differ(value, actual, wildcards)?;
            Some((rank, value, difference, detail))
        })
        .min_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)))
        .map(|(_, value, difference, detail)| Nearest {
            value: value.clone(),
            difference: difference.to_owned(),
            detail,
        })
}

/// Rank (small is near), word and half a sentence.
type Difference = (usize, &'static str, String);

/// How two values differ; `None` when they have nothing in common.
fn differ(expected: &str, actual: &str, wildcards: bool) -> Option<Difference> {
    if expected.eq_ignore_ascii_case(actual) {
        return Some((0, "case", "they differ in upper and lower case only".to_owned()));
    }
    let has_wildcard = expected.contains(['*', '?']);
    if has_wildcard && !wildcards && Glob::new(expected).matches(actual) {
        let detail = "the wildcard is compared as a plain character here; it is one under `StringLike` only";
        return Some((1, "literal-wildcard", detail.to_owned()));
    }
    service_account(expected, actual)
        .or_else(|| repository(expected, actual))
        .or_else(|| provider(expected, actual))
        .or_else(|| arn(expected, actual))
        .or_else(|| letters(expected, actual))
}

/// One to three letters apart.
fn letters(expected: &str, actual: &str) -> Option<Difference> {
    match distance(expected, actual)? {
        1 => Some((1, "one-letter", format!("one letter off: `{actual}` for `{expected}`"))),
        n => Some((n + 1, "few-letters", format!("{n} letters off: `{actual}` for `{expected}`"))),
    }
}

/// Two ServiceAccounts as token subjects name them.
fn service_account(expected: &str, actual: &str) -> Option<Difference> {
    let parts = |text: &str| {
        let (namespace, name) = text.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        Some((namespace.to_owned(), name.to_owned()))
    };
    let (namespace, name) = parts(expected)?;
    let (actual_namespace, actual_name) = parts(actual)?;
    let same = |pattern: &str, text: &str| pattern == text || Glob::new(pattern).matches(text);
    let one_off = |a: &str, b: &str| distance(a, b) == Some(1);
    match (same(&namespace, &actual_namespace), same(&name, &actual_name)) {
        (true, false) if one_off(&name, &actual_name) => Some((
            1,
            "one-letter",
            format!("the ServiceAccount is one letter off: `{actual_name}` for `{name}`"),
        )),
        (false, true) if one_off(&namespace, &actual_namespace) => Some((
            1,
            "one-letter",
            format!("the namespace is one letter off: `{actual_namespace}` for `{namespace}`"),
        )),
        (false, true) => Some((
            4,
            "namespace",
            format!("the same ServiceAccount in another namespace: `{actual_namespace}`, not `{namespace}`"),
        )),
        (true, false) => Some((
            5,
            "service-account",
            format!("another ServiceAccount of the same namespace: `{actual_name}`, not `{name}`"),
        )),
        _ => letters(expected, actual),
    }
}

/// Two subjects of GitHub Actions.
fn repository(expected: &str, actual: &str) -> Option<Difference> {
    let parts = |text: &str| {
        let (repository, rest) = text.strip_prefix("repo:")?.split_once(':')?;
        Some((repository.to_owned(), rest.to_owned()))
    };
    let (repository, rest) = parts(expected)?;
    let (actual_repository, actual_rest) = parts(actual)?;
    let same = |pattern: &str, text: &str| pattern == text || Glob::new(pattern).matches(text);
    let plain = |text: &str| {
        let name = |part: &str| part.split('@').next().unwrap_or_default().to_owned();
        text.split('/').map(name).collect::<Vec<_>>().join("/")
    };
    if same(&repository, &actual_repository) {
        if distance(&rest, &actual_rest) == Some(1) {
            return Some((1, "one-letter", format!("one letter off: `{actual_rest}` for `{rest}`")));
        }
        let detail = format!("the same repository, started by `{actual_rest}`, not `{rest}`");
        return Some((4, "ref", detail));
    }
    if plain(&repository) == plain(&actual_repository) {
        let form = if actual_repository.contains('@') {
            "with its ids (the immutable form)"
        } else {
            "without its ids"
        };
        return Some((2, "immutable-subject", format!("the same repository, but the token names it {form}")));
    }
    letters(expected, actual).or_else(|| {
        let detail = format!("another repository: `{actual_repository}`, not `{repository}`");
        Some((6, "repository", detail))
    })
}

/// Two OIDC providers.
fn provider(expected: &str, actual: &str) -> Option<Difference> {
    let is_provider = |text: &str| text.contains(":oidc-provider/") || text.starts_with("oidc.");
    if !is_provider(expected) || !is_provider(actual) {
        return None;
    }
    let (own, other) = (issuer(expected), issuer(actual));
    if own == other {
        let detail = "the same issuer, as a provider of another account".to_owned();
        return Some((2, "provider-account", detail));
    }
    if distance(own, other) == Some(1) {
        return Some((1, "one-letter", "the issuer is one letter off".to_owned()));
    }
    let host = |text: &str| text.split('/').next().unwrap_or_default().to_owned();
    let is_eks = |text: &str| text.starts_with("oidc.eks.");
    (host(own) == host(other) || is_eks(own) && is_eks(other)).then(|| {
        let detail =
            if is_eks(own) { "the issuer of another cluster" } else { "another issuer of the same host" };
        (4, "issuer", detail.to_owned())
    })
}

/// Two ARNs that differ in one part.
fn arn(expected: &str, actual: &str) -> Option<Difference> {
    let (own, other) = (Arn::parse(expected)?, Arn::parse(actual)?);
    if own.service != other.service {
        return None;
    }
    if own.resource == other.resource && own.account != other.account {
        let detail = format!("the same name in another account: `{}`, not `{}`", other.account, own.account);
        return Some((3, "account", detail));
    }
    let names = own.role_name().zip(other.role_name()).filter(|_| own.account == other.account);
    if names.is_some_and(|(a, b)| a == b) {
        return Some((2, "path", "the same role name under another path".to_owned()));
    }
    let near = letters(expected, actual).or_else(|| {
        let (own, other) = names?;
        let (rank, difference, detail) = letters(own, other)?;
        Some((rank + 2, difference, format!("{detail}, and under another path")))
    });
    near.or_else(|| {
        let differs = own.region != other.region && own.resource == other.resource;
        differs.then(|| (3, "account", "the same name in another Region".to_owned()))
    })
}

/// Letters inserted, dropped, replaced or swapped with their neighbour; `None` beyond a few.
pub(super) fn distance(a: &str, b: &str) -> Option<usize> {
    if a.len() > LONGEST || b.len() > LONGEST || a.len().abs_diff(b.len()) > FEW * 4 {
        return None;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Short words are other words sooner.
    let most = FEW.min(a.len().min(b.len()) / 3).max(1);
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&row, j) + usize::from(x != y)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().filter(|n| *n <= most && *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_difference_is_named() {
        let eks = |account: &str, id: &str| {
            format!("arn:aws:iam::{account}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/{id}")
        };
        let a = eks("111111111111", "AAAAAAAAAAAAAAAA");
        let other = eks("111111111111", "BBBBBBBBBBBBBBBB");
        let foreign = eks("222222222222", "AAAAAAAAAAAAAAAA");
        for (expected, actual, wildcards, difference) in [
            (
                "system:serviceaccount:shop:checkout",
                "system:serviceaccount:shop:chekout",
                false,
                "one-letter",
            ),
            (
                "system:serviceaccount:shop:checkout",
                "system:serviceaccount:shop:chekcout",
                false,
                "one-letter",
            ),
            (
                "system:serviceaccount:shop:checkout",
                "system:serviceaccount:shpo:checkout",
                false,
                "one-letter",
            ),
            (
                "system:serviceaccount:shop:checkout",
                "system:serviceaccount:payments:checkout",
                false,
                "namespace",
            ),
            ("system:serviceaccount:shop:*", "system:serviceaccount:payments:checkout", true, "namespace"),
            (
                "system:serviceaccount:shop:checkout",
                "system:serviceaccount:shop:search",
                false,
                "service-account",
            ),
            (
                "system:serviceaccount:shop:*",
                "system:serviceaccount:shop:checkout",
                false,
                "literal-wildcard",
            ),
            ("system:serviceaccount:shop:Checkout", "system:serviceaccount:shop:checkout", false, "case"),
            ("repo:acme/app:ref:refs/heads/main", "repo:acme/app:pull_request", false, "ref"),
            (
                "repo:acme/app:ref:refs/heads/main",
                "repo:acme@1/app@2:ref:refs/heads/main",
                false,
                "immutable-subject",
            ),
            (
                "repo:acme/app:ref:refs/heads/main",
                "repo:acme/website:ref:refs/heads/main",
                false,
                "repository",
            ),
            ("sts.amazonaws.com", "sts.amazonaws.com.cn", false, "few-letters"),
            (&a, &other, false, "issuer"),
            (&a, &foreign, false, "provider-account"),
            ("arn:aws:iam::111111111111:role/app", "arn:aws:iam::111111111111:role/ap", false, "one-letter"),
            ("arn:aws:iam::111111111111:role/team/app", "arn:aws:iam::111111111111:role/app", false, "path"),
            (
                "arn:aws:iam::111111111111:role/team/checkout",
                "arn:aws:iam::111111111111:role/chekcout",
                false,
                "one-letter",
            ),
            ("arn:aws:iam::111111111111:role/app", "arn:aws:iam::222222222222:role/app", false, "account"),
        ] {
            let found = nearest(&[expected.to_owned()], actual, wildcards);
            assert_eq!(found.map(|n| n.difference).as_deref(), Some(difference), "{expected} {actual}");
        }
        assert_eq!(nearest(&["openshift".to_owned()], "sts.amazonaws.com", false), None);
    }

    #[test]
    fn the_nearest_of_several_wins_whatever_their_order() {
        let values: Vec<String> =
            ["system:serviceaccount:shop:search", "system:serviceaccount:shop:checkout"]
                .map(str::to_owned)
                .to_vec();
        let reversed: Vec<String> = values.iter().rev().cloned().collect();
        for list in [values, reversed] {
            let found = nearest(&list, "system:serviceaccount:shop:checkouts", false).unwrap();
            assert_eq!(found.value, "system:serviceaccount:shop:checkout");
        }
    }

    #[test]
    fn distances_are_capped() {
        assert_eq!(distance("checkout", "chekcout"), Some(1));
        assert_eq!(distance("a", "b"), Some(1));
        assert_eq!(distance("cart", "shop"), None);
        assert_eq!(distance(&"x".repeat(10_000), &"x".repeat(10_000)), None);
        assert_eq!(distance("same", "same"), None);
    }
}
