//! Changes of a text as a unified diff, as `git apply` and `patch -p1` take it.

use std::fmt::Write as _;
use std::ops::Range;

/// Lines shown around a change.
const CONTEXT: usize = 3;

/// One place of a text and what shall stand there.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    /// In bytes of the old text.
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// The text with its edits made; `None` when two of them overlap or one lies outside.
pub(super) fn apply(text: &str, edits: &[Edit]) -> Option<String> {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in sorted {
        out.push_str(text.get(at..edit.range.start)?);
        out.push_str(&edit.text);
        at = edit.range.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// Lines that change: old ones by number, and what comes in their place.
struct Change<'t> {
    old: Range<usize>,
    new: Vec<&'t str>,
}

/// The diff of one file. INVARIANT: `new` is `old` with the edits made.
pub(super) fn unified(name: &str, old: &str, new: &str, edits: &[Edit]) -> String {
    let old_lines: Vec<&str> = old.split_inclusive('\n').collect();
    let new_lines: Vec<&str> = new.split_inclusive('\n').collect();
    let changes = changes(old, &old_lines, &new_lines, edits);
    // A name with a blank ends with a tab, or its end is not seen.
    let tab = if name.contains(' ') { "\t" } else { "" };
    let mut out = format!("--- a/{name}{tab}\n+++ b/{name}{tab}\n");
    let mut rest = changes.as_slice();
    let mut shift = 0_isize;
    while let Some(first) = rest.first() {
        // Changes whose context would meet share a hunk.
        let n = rest
            .windows(2)
            .take_while(|pair| matches!(pair, [a, b] if b.old.start <= a.old.end + 2 * CONTEXT))
            .count()
            + 1;
        let (hunk, later) = rest.split_at(n);
        let last = hunk.last().unwrap_or(first);
        let range = first.old.start.saturating_sub(CONTEXT)..(last.old.end + CONTEXT).min(old_lines.len());
        let added: usize = hunk.iter().map(|change| change.new.len()).sum();
        let removed: usize = hunk.iter().map(|change| change.old.len()).sum();
        let n_new = range.len() + added - removed;
        let start = range.start + usize::from(!range.is_empty());
        let new_start = range.start.saturating_add_signed(shift) + usize::from(n_new > 0);
        // Writing to a string does not fail.
        let _ = writeln!(out, "@@ -{start},{} +{new_start},{n_new} @@", range.len());
        let mut at = range.start;
        for change in hunk {
            lines(&mut out, ' ', old_lines.get(at..change.old.start).unwrap_or_default());
            lines(&mut out, '-', old_lines.get(change.old.clone()).unwrap_or_default());
            lines(&mut out, '+', &change.new);
            at = change.old.end;
        }
        lines(&mut out, ' ', old_lines.get(at..range.end).unwrap_or_default());
        shift += added as isize - removed as isize;
        rest = later;
    }
    out
}

fn lines(out: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        out.push(sign);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// The edits as whole lines, in order; those that touch the same lines are one.
fn changes<'t>(old: &str, old_lines: &[&str], new_lines: &[&'t str], edits: &[Edit]) -> Vec<Change<'t>> {
    let line_of = |at: usize| old.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let ends = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count() as isize;
    // Old lines, and by how many their number grows.
    let mut regions: Vec<(Range<usize>, isize)> = Vec::new();
    for edit in sorted {
        let first = line_of(edit.range.start);
        let end = (line_of(edit.range.end.saturating_sub(1).max(edit.range.start)) + 1).min(old_lines.len());
        let grows = ends(&edit.text) - ends(old.get(edit.range.clone()).unwrap_or_default());
        match regions.last_mut() {
            Some((last, n)) if first < last.end => {
                last.end = last.end.max(end);
                *n += grows;
            }
            _ => regions.push((first..end, grows)),
        }
    }
    let mut shift = 0_isize;
    let mut changes = Vec::new();
    for (region, grows) in regions {
        let start = region.start.saturating_add_signed(shift);
        let end = region.end.saturating_add_signed(shift + grows);
        shift += grows;
        let mut before = old_lines.get(region.clone()).unwrap_or_default();
        let mut after = new_lines.get(start..end).unwrap_or_default();
        // Lines that stay at either end are context.
        let mut first = region.start;
        while let ([a, before_rest @ ..], [b, after_rest @ ..]) = (before, after)
            && a == b
        {
            (before, after, first) = (before_rest, after_rest, first + 1);
        }
        while let ([before_rest @ .., a], [after_rest @ .., b]) = (before, after)
            && a == b
        {
            (before, after) = (before_rest, after_rest);
        }
        if !before.is_empty() || !after.is_empty() {
            changes.push(Change { old: first..first + before.len(), new: after.to_vec() });
        }
    }
    changes
}
