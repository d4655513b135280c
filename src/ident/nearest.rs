//! What a mistyped name may have been meant to be.

/// Longer names are compared by their beginnings.
const LONGEST: usize = 128;

/// At most so many of the names that are like what was typed, the likest first.
///
/// A name is like another when few letters differ, without case, or when one holds the other.
pub fn nearest<'n>(typed: &str, names: impl IntoIterator<Item = &'n str>, most: usize) -> Vec<&'n str> {
    let typed = folded(typed);
    let few = (typed.len() / 3).clamp(1, 8);
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            let other = folded(name);
            let holds = |a: &[char], b: &[char]| b.len() >= 3 && a.windows(b.len()).any(|part| part == b);
            let letters = distance(&typed, &other);
            let is_part = holds(&typed, &other) || holds(&other, &typed);
            (letters <= few || is_part).then_some((letters, name))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.truncate(most);
    near.into_iter().map(|(_, name)| name).collect()
}

fn folded(text: &str) -> Vec<char> {
    text.chars().take(LONGEST).flat_map(char::to_lowercase).collect()
}

/// Letters inserted, dropped or replaced.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for ((j, y), above) in b.iter().enumerate().zip(row.windows(2)) {
            let (Some(left), [corner, above]) = (next.get(j), above) else { continue };
            next.push((corner + usize::from(x != y)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likest_names_come_first() {
        let names = ["checkout", "checkout-reader", "check-in", "billing", "Checkout2"];
        for (typed, expected) in [
            ("chekout", &["checkout", "Checkout2"][..]),
            ("checkout", &["checkout", "Checkout2", "checkout-reader"]),
            ("biling", &["billing"]),
            ("reader", &["checkout-reader"]),
            ("zzz", &[]),
            ("", &[]),
        ] {
            assert_eq!(nearest(typed, names, 3), expected, "{typed}");
        }
        assert_eq!(nearest("checkout", names, 1), ["checkout"]);
        assert_eq!(distance(&folded("abc"), &folded("axcd")), 2);
    }
}
