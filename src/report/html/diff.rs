//! Which lines of two documents the other one lacks.

use std::collections::BTreeSet;

/// Documents that differ in more lines than this are shown without marks: comparing takes the product of both.
const LONGEST: usize = 400;

/// For each line of `old` whether `new` lacks it, and for each line of `new` whether `old` lacks it: what is left when the longest
/// common part, in order, is taken out. A comma at a line's end does not count. `None` where the documents are too long.
pub(super) fn lacking(old: &[&str], new: &[&str]) -> Option<(Vec<bool>, Vec<bool>)> {
    let same = |(then, now): &(&&str, &&str)| bare(then) == bare(now);
    let head = old.iter().zip(new).take_while(same).count();
    let (old_rest, new_rest) = (old.get(head..)?, new.get(head..)?);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(same).count();
    let middle = |rest: &[&str]| rest.len() - tail;
    let (old_middle, new_middle) = (old_rest.get(..middle(old_rest))?, new_rest.get(..middle(new_rest))?);
    if old_middle.len() > LONGEST || new_middle.len() > LONGEST {
        return None;
    }
    let (gone, come) = middle_lacking(old_middle, new_middle);
    let around = |marks: Vec<bool>| {
        let mut all = vec![false; head];
        all.extend(marks);
        all.extend(vec![false; tail]);
        all
    };
    Some((around(gone), around(come)))
}

/// For each line of `old` whether none of `others` says it, whatever list it stands in there: for policies whose names have no partner.
pub(super) fn absent(old: &[String], others: &BTreeSet<String>) -> Vec<bool> {
    old.iter().map(|line| !others.contains(said(line))).collect()
}

/// What a line says without its place: `"Action": "s3:GetObject",` and `"s3:GetObject"` in a list of actions say the same.
pub(super) fn said(line: &str) -> &str {
    let line = bare(line).trim_start();
    let value = ["\"Action\": ", "\"Resource\": "].iter().find_map(|key| line.strip_prefix(key));
    match value {
        Some("[") => line,
        Some(value) => value,
        None => line,
    }
}

fn middle_lacking(old: &[&str], new: &[&str]) -> (Vec<bool>, Vec<bool>) {
    let width = new.len() + 1;
    // The length of the longest common part of what is left from each pair of lines on.
    let mut common = vec![0_u32; (old.len() + 1) * width];
    let value =
        |common: &[u32], row: usize, column: usize| common.get(row * width + column).copied().unwrap_or(0);
    for (row, then) in old.iter().enumerate().rev() {
        for (column, now) in new.iter().enumerate().rev() {
            let longest = if bare(then) == bare(now) {
                value(&common, row + 1, column + 1) + 1
            } else {
                value(&common, row + 1, column).max(value(&common, row, column + 1))
            };
            if let Some(cell) = common.get_mut(row * width + column) {
                *cell = longest;
            }
        }
    }
    let (mut gone, mut come) = (Vec::with_capacity(old.len()), Vec::with_capacity(new.len()));
    while gone.len() < old.len() || come.len() < new.len() {
        let (row, column) = (gone.len(), come.len());
        match (old.get(row), new.get(column)) {
            (Some(then), Some(now)) if bare(then) == bare(now) => {
                gone.push(false);
                come.push(false);
            }
            (Some(_), Some(_)) if value(&common, row + 1, column) >= value(&common, row, column + 1) => {
                gone.push(true);
            }
            (Some(_), None) => gone.push(true),
            _ => come.push(true),
        }
    }
    (gone, come)
}

fn bare(line: &str) -> &str {
    line.strip_suffix(',').unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_the_other_side_lacks_are_marked() {
        fn told(lines: &[&str], marks: &[bool]) -> String {
            let marked = lines.iter().zip(marks).filter(|(_, marked)| **marked);
            marked.map(|(line, _)| *line).collect::<Vec<_>>().join(" ")
        }
        let marks = |old: &str, new: &str| {
            let (old, new): (Vec<&str>, Vec<&str>) =
                (old.split_whitespace().collect(), new.split_whitespace().collect());
            let (gone, come) = lacking(&old, &new).unwrap();
            (told(&old, &gone), told(&new, &come))
        };
        for (old, new, gone, come) in [
            ("a b c", "a b c", "", ""),
            ("a b, c", "a c", "b,", ""),
            ("a b", "a, b,", "", ""),
            ("a c", "a b c", "", "b"),
            ("a b", "b a", "a", "a"),
            ("", "a", "", "a"),
            ("a", "", "a", ""),
            ("x a y", "p a q", "x y", "p q"),
        ] {
            assert_eq!(marks(old, new), (gone.to_owned(), come.to_owned()), "{old} -> {new}");
        }
        let other: BTreeSet<String> =
            ["  \"Action\": [", "  \"s3:A\",", "  \"s3:B\"", "]", "\"Resource\": \"x\""]
                .iter()
                .map(|line| said(line).to_owned())
                .collect();
        let own = ["\"Action\": \"s3:A\",", "\"Action\": [", "\"s3:C\"", "\"NotAction\": \"s3:B\"", "\"x\""]
            .map(str::to_owned);
        assert_eq!(absent(&own, &other), [false, false, true, true, false]);

        let long = vec!["x"; LONGEST + 1];
        assert_eq!(lacking(&long, &["y"]), None);
        let (gone, come) = lacking(&long, &long).unwrap();
        assert_eq!((gone.len(), come.len()), (long.len(), long.len()));
    }
}
