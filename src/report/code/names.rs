//! Names of resources inside code, from names of roles and policies.

use std::collections::BTreeSet;

/// Hands out names that differ, whatever they are made from; compared without case.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The name, or the name with the smallest number behind it that makes it new.
    pub(super) fn claim(&mut self, name: String, separator: &str) -> String {
        let numbered = (2_u32..).map(|number| format!("{name}{separator}{number}"));
        let mut candidates = std::iter::once(name.clone()).chain(numbered);
        let free = candidates.find(|name| !self.0.contains(&name.to_ascii_lowercase())).unwrap_or(name);
        self.0.insert(free.to_ascii_lowercase());
        free
    }
}

/// `lower_snake_case`, never empty and never with a digit first.
pub(super) fn snake(parts: &[&str]) -> String {
    let words: Vec<String> = words(parts).map(str::to_ascii_lowercase).collect();
    let name = words.join("_");
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("r_{name}") }
}

/// `UpperCamelCase` of letters and digits, never empty and never with a digit first.
pub(super) fn camel(parts: &[&str]) -> String {
    let name: String = words(parts)
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("R{name}") }
}

/// A name Kubernetes takes (RFC 1123 subdomain of at most 200 characters).
pub(super) fn kebab(parts: &[&str]) -> String {
    let words: Vec<String> = words(parts).map(str::to_ascii_lowercase).collect();
    let mut name = words.join("-");
    name.truncate(200);
    if name.is_empty() { "r".to_owned() } else { name.trim_end_matches('-').to_owned() }
}

fn words<'a>(parts: &[&'a str]) -> impl Iterator<Item = &'a str> {
    parts
        .iter()
        .flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_their_language() {
        for (parts, in_snake, in_camel, in_kebab) in [
            (
                &["northwind-checkout", "data"][..],
                "northwind_checkout_data",
                "NorthwindCheckoutData",
                "northwind-checkout-data",
            ),
            (&["1st.role+x", "=,@"], "r_1st_role_x", "R1stRoleX", "1st-role-x"),
            (&["éè", ""], "r_", "R", "r"),
        ] {
            assert_eq!(
                (snake(parts).as_str(), camel(parts).as_str(), kebab(parts).as_str()),
                (in_snake, in_camel, in_kebab)
            );
        }
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut names = Names::default();
        let given: Vec<String> =
            ["a", "A", "a_2", "a"].iter().map(|name| names.claim((*name).to_owned(), "_")).collect();
        assert_eq!(given, ["a", "A_2", "a_2_2", "a_3"]);
    }
}
