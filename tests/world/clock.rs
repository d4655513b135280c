//! Times as the generator writes them: seconds since the epoch, UTC. Its own arithmetic, so that a mistake in the tool's
//! parser cannot hide behind the same mistake here.

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 86_400;

/// The first instant of a date.
pub(crate) fn date(year: i64, month: i64, day: i64) -> i64 {
    let mut days = 0;
    for y in 1970..year {
        days += if is_leap(y) { 366 } else { 365 };
    }
    for m in 1..month {
        days += month_length(year, m);
    }
    (days + day - 1) * DAY
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month, day, hour, minute, second.
pub(crate) fn parts(time: i64) -> [i64; 6] {
    let (mut days, second) = (time / DAY, time % DAY);
    let mut year = 1970;
    while days >= if is_leap(year) { 366 } else { 365 } {
        days -= if is_leap(year) { 366 } else { 365 };
        year += 1;
    }
    let mut month = 1;
    while days >= month_length(year, month) {
        days -= month_length(year, month);
        month += 1;
    }
    [year, month, days + 1, second / HOUR, second % HOUR / MINUTE, second % MINUTE]
}

/// `2026-06-01T09:15:02Z`.
pub(crate) fn iso(time: i64) -> String {
    let [y, mo, d, h, mi, s] = parts(time);
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
}

/// `Jun 1, 2026, 9:15:02 AM`, as `responseElements.credentials.expiration` has it.
pub(crate) fn expiration(time: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let [y, mo, d, h, mi, s] = parts(time);
    let (hour, half) = (if h % 12 == 0 { 12 } else { h % 12 }, if h < 12 { "AM" } else { "PM" });
    format!("{} {d}, {y}, {hour}:{mi:02}:{s:02} {half}", MONTHS[(mo - 1) as usize])
}

/// `20260601T0915Z`, as object names have it.
pub(crate) fn compact(time: i64) -> String {
    let [y, mo, d, h, mi, _] = parts(time);
    format!("{y:04}{mo:02}{d:02}T{h:02}{mi:02}Z")
}

/// `2026/06/01`.
pub(crate) fn folder(time: i64) -> String {
    let [y, mo, d, ..] = parts(time);
    format!("{y:04}/{mo:02}/{d:02}")
}

/// `2026-06-01`.
pub(crate) fn day(time: i64) -> String {
    let [y, mo, d, ..] = parts(time);
    format!("{y:04}-{mo:02}-{d:02}")
}
