//! Charts as inline SVG. Words and numbers stay in HTML beside them, so that they wrap, scale and can be read aloud.

use super::markup::Markup;
use crate::ident::Time;
use crate::report::summary::number;
use crate::report::text::named;
use crate::report::{RegionCoverage, Report, Verdicts};

/// Units of a bar's width.
const WIDTH: u64 = 1_000;

/// The class of each verdict's colour, in the order of [`named`].
pub(super) const VERDICT_CLASSES: [&str; 5] = ["used", "unused", "undetermined", "unobservable", "blocked"];

/// A bar whose length is `total / most` of the width, divided by verdict.
pub(super) fn verdict_bar(page: &mut Markup, verdicts: Verdicts, most: u64) {
    let parts = named(verdicts);
    let label: Vec<String> =
        parts.iter().filter(|(_, n)| *n > 0).map(|(word, n)| format!("{} {word}", number(*n))).collect();
    open(page, &if label.is_empty() { "nothing granted".to_owned() } else { label.join(", ") });
    let mut sum = 0;
    let mut x = 0;
    for ((_, n), class) in parts.into_iter().zip(VERDICT_CLASSES) {
        sum += n;
        if n == 0 {
            continue;
        }
        // The running sum is rounded, so that the parts add up to the whole; what is there is at least seen.
        let end = scaled(sum, most).max((x + 6).min(WIDTH));
        // No title: the label and the numbers beside it tell, and a report can have tens of thousands of these.
        shape(page, class, x, end.saturating_sub(x));
        page.raw("></rect>");
        x = end;
    }
    page.raw("</svg>");
}

/// A plain bar.
pub(super) fn bar(page: &mut Markup, class: &'static str, value: u64, most: u64, label: &str) {
    open(page, label);
    if value > 0 {
        rect(page, class, 0, scaled(value, most).max(6), label);
    }
    page.raw("</svg>");
}

/// A bar of `all` things of `most`, with those that stay in the colour of plain bars and those that go in grey.
pub(super) fn remaining(page: &mut Markup, stay: u64, all: u64, most: u64, label: &str) {
    open(page, label);
    let (inner, whole) = (scaled(stay, most), scaled(all, most));
    for (class, from, to) in [("plain", 0, inner), ("blocked", inner, whole)] {
        if to > from {
            rect(page, class, from, to - from, label);
        }
    }
    page.raw("</svg>");
}

fn open(page: &mut Markup, label: &str) {
    page.raw("<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\"");
    page.attribute("aria-label", label).raw(">");
}

fn rect(page: &mut Markup, class: &'static str, x: u64, width: u64, title: &str) {
    shape(page, class, x, width);
    page.raw("><title>").text(title).raw("</title></rect>");
}

/// A rectangle's tag, not yet ended.
fn shape(page: &mut Markup, class: &'static str, x: u64, width: u64) {
    page.raw("<rect class=\"f-").raw(class).raw("\" x=\"").digits(x).raw("\" y=\"0\" width=\"").digits(width);
    page.raw("\" height=\"10\"");
}

fn scaled(value: u64, most: u64) -> u64 {
    let share = u128::from(value) * u128::from(WIDTH) / u128::from(most.max(1));
    u64::try_from(share).unwrap_or(WIDTH).min(WIDTH)
}

/// What each colour of a verdict means, with its number.
pub(super) fn legend(page: &mut Markup, verdicts: Verdicts) {
    page.raw("<ul class=\"legend\">");
    for ((word, n), class) in named(verdicts).into_iter().zip(VERDICT_CLASSES) {
        page.raw("<li><span class=\"dot b-")
            .raw(class)
            .raw("\"></span><b>")
            .number(n)
            .raw("</b> ")
            .text(word);
        page.raw("</li>");
    }
    page.raw("</ul>");
}

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Cells of a strip; a longer window has cells of several days.
const MAX_CELLS: i64 = 186;

/// How a window is cut into cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strip {
    from: i64,
    cells: i64,
    /// Days per cell.
    pub(super) days: i64,
}

impl Strip {
    /// `None` without a window.
    pub(super) fn of(report: &Report) -> Option<Self> {
        let from = report.window.from?.day().unix();
        let to = report.window.to?.unix();
        let days = to.checked_sub(from)?.max(1).checked_add(DAY - 1)? / DAY;
        let per_cell = (days + MAX_CELLS - 1) / MAX_CELLS;
        Some(Self { from, cells: (days + per_cell - 1) / per_cell, days: per_cell })
    }

    /// One row of cells: the darker, the more of its time lies between the first and last event of a Region, gaps left out.
    pub(super) fn draw(self, page: &mut Markup, who: &str, regions: &[RegionCoverage]) {
        let covered: Vec<(i64, i64)> = (0..self.cells)
            .map(|cell| {
                let from = self.from + cell * self.days * DAY;
                let best =
                    regions.iter().map(|region| covered_seconds(region, from, from + self.days * DAY)).max();
                (from, best.unwrap_or(0))
            })
            .collect();
        let with_logs = covered.iter().filter(|(_, seconds)| *seconds > 0).count();
        let unit = if self.days == 1 { "days" } else { "cells" };
        page.raw("<svg class=\"strip\" preserveAspectRatio=\"none\" role=\"img\" viewBox=\"0 0 ");
        page.digits(u64::try_from(self.cells * 10).unwrap_or(10)).raw(" 10\"");
        page.attribute("aria-label", &format!("{who}: logs on {with_logs} of {} {unit}", self.cells))
            .raw(">");
        for (cell, (from, seconds)) in covered.into_iter().enumerate() {
            let whole = self.days * DAY;
            let class = match (seconds * 4 + whole - 1) / whole {
                0 => "h0",
                1 => "h1",
                2 => "h2",
                3 => "h3",
                _ => "h4",
            };
            let date = Time::from_unix(from).to_string();
            let date = date.split_once('T').map_or("", |(date, _)| date);
            page.raw("<rect class=\"").raw(class).raw("\" y=\"0\" height=\"10\" width=\"9\" x=\"");
            page.digits(cell as u64 * 10).raw("\"><title>");
            let hours = format!("{date}: logs cover {} of {} hours", seconds / 3_600, self.days * 24);
            page.text(&hours).raw("</title></rect>");
        }
        page.raw("</svg>");
    }
}

/// Seconds of `from..to` between a Region's first and last event, gaps left out; to the hour at both ends.
fn covered_seconds(region: &RegionCoverage, from: i64, to: i64) -> i64 {
    let (Some(first), Some(last)) = (region.first, region.last) else {
        return 0;
    };
    let overlap = |a: i64, b: i64| (b.min(to).saturating_sub(a.max(from))).max(0);
    let seen = overlap(first.hour().unix(), last.hour().plus_seconds(3_600).unix());
    let gaps: i64 = region.gaps.iter().map(|gap| overlap(gap.from.unix(), gap.to.unix())).sum();
    (seen - gaps).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Gap;

    #[test]
    fn coverage_is_what_lies_between_the_ends_without_the_gaps() {
        let time = |text: &str| text.parse::<Time>().unwrap();
        let region = RegionCoverage {
            hours_with_events: 0,
            hours_with_files: None,
            hours_without_files: None,
            region: "eu-west-1".to_owned(),
            first: Some(time("2026-01-01T06:30:00Z")),
            last: Some(time("2026-01-04T11:10:00Z")),
            gaps: vec![Gap { from: time("2026-01-02T12:00:00Z"), to: time("2026-01-04T00:00:00Z") }],
        };
        for (day, hours) in
            [("2025-12-31", 0), ("2026-01-01", 18), ("2026-01-02", 12), ("2026-01-03", 0), ("2026-01-04", 12)]
        {
            let from = time(day).unix();
            assert_eq!(covered_seconds(&region, from, from + DAY) / 3_600, hours, "{day}");
        }
    }
}
